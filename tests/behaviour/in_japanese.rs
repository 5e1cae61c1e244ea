//! People are told in Japanese where they ask for it: at the terminal by the environment, over HTTP by `Accept-Language`.
//! English is told to everybody else, and to the log.

use http::Method;
use serde_json::{Value, json};
use toml::Table;

use super::harness::{Answer, Ask, Files, Finished, Platform, kakehashi, section};

/// Runs the command as somebody whose machine speaks Japanese.
fn in_japanese(files: &Files, arguments: &[&str]) -> Finished {
    let mut command = kakehashi(files.folder());
    command
        .args(arguments)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", "ja_JP.UTF-8");
    Finished::of_command(&mut command, files.folder())
}

/// Files with several faults in tenants.toml.
fn broken() -> Files {
    let files = Files::committed();
    files.change_tenants(|table| {
        let gateway = section(table, "gateway");
        gateway.insert("lisen".to_owned(), "127.0.0.1:1".into());
        section(section(table, "tenants"), "sano").insert("code".to_owned(), "092049".into());
        section(section(table, "consumers"), "bousai-map").insert("tenant".to_owned(), "sanno".into());
    });
    files
}

#[test]
fn what_is_wrong_with_a_configuration_is_told_in_the_language_of_the_environment() {
    let files = broken();
    let told = in_japanese(&files, &["check"]);
    assert_eq!(told.code, Some(1));
    for words in [
        "エラー: 不明な項目 `lisen` が [gateway] にあります。",
        "対処: `listen` の誤りではありませんか。",
        "\"092049\" の検査数字が合いません。",
        "--> tenants.toml:",
    ] {
        assert!(told.stderr.contains(words), "{words}:\n{}", told.stderr);
    }
    let english = Finished::of(files.folder(), &["check"]);
    assert!(
        english.stderr.contains("error: unknown key `lisen`"),
        "{}",
        english.stderr
    );
    assert!(
        english.stderr.contains("help: did you mean `listen`?"),
        "{}",
        english.stderr
    );
    assert!(
        english.stderr.is_ascii() || !english.stderr.contains('エ'),
        "{}",
        english.stderr
    );
}

/// The words of a text outside of backquotes that a person would have to read in English: those that are no names.
fn english_words(text: &str) -> Vec<&str> {
    let outside = text.split('`').step_by(2);
    let words = outside.flat_map(|part| part.split(|character: char| !character.is_ascii_alphabetic()));
    let known = [
        "TOML",
        "bousai",
        "consumers",
        "mappings",
        "none",
        "sano",
        "tenants",
        "toml",
    ];
    words.filter(|word| word.len() > 3 && !known.contains(word)).collect()
}

#[test]
fn the_commonest_mistakes_of_a_file_are_told_wholly_in_japanese() {
    let files = Files::committed();
    let written = std::fs::read_to_string(files.folder().join("tenants.toml")).unwrap();
    for (right, wrong, words) in [
        (
            "timeout = \"3s\"",
            "timeout = 3",
            "文字列でなければなりませんが、数値になっています",
        ),
        (
            "roles = [\"reader\"]",
            "roles = \"reader\"",
            "配列でなければなりませんが、文字列になっています",
        ),
        (
            "code = \"092045\"",
            "code = 92045",
            "文字列でなければなりませんが、数値になっています",
        ),
        ("code = \"092045\"", "code = 092045", "数値の先頭に 0 は書けません"),
        ("code = \"092045\"", "code = \u{201c}092045\u{201d}", "半角の引用符"),
        ("code = \"092045\"", "\u{3000}code = \"092045\"", "引用符で囲まないキー"),
        (
            "mappings/sano.toml",
            "mappings/none.toml",
            "マッピングファイル mappings/none.toml を読み取れません",
        ),
    ] {
        assert!(written.contains(right), "{right}");
        files.write("tenants.toml", written.replacen(right, wrong, 1));
        let told = in_japanese(&files, &["check"]).stderr;
        assert!(told.contains(words), "{wrong}:\n{told}");
        let errors = told.lines().filter(|line| line.starts_with("エラー"));
        for error in errors {
            assert_eq!(english_words(error), Vec::<&str>::new(), "{wrong}: {error}");
        }
    }
}

#[test]
fn values_of_the_configuration_are_shown_as_they_are() {
    let files = Files::committed();
    let value = "the token of tenant, no role; it is forbidden";
    files.change_tenants(|table| {
        let consumer = section(section(table, "consumers"), "bousai-map");
        consumer.remove("tenant");
        consumer.insert("organisation".to_owned(), value.into());
    });
    let told = in_japanese(&files, &["explain-config"]).stdout;
    assert!(told.contains(&format!("organisation = \"{value}\"  # ")), "{told}");
    assert!(!told.contains("(not set)"), "{told}");
}

#[test]
fn wrong_usage_is_told_in_japanese_and_ends_as_ever() {
    let files = Files::committed();
    for (arguments, words) in [
        (
            ["check", "--konfig", "x"].as_slice(),
            "エラー: 引数 `--konfig` はここでは使えません。`--config` の誤りではありませんか。",
        ),
        (
            &["chekc"],
            "エラー: コマンド `chekc` はありません。`check` の誤りではありませんか。",
        ),
        (
            &["store", "load"],
            "エラー: 必要な引数がありません：--tenant <TENANT>, <FILE>",
        ),
        (
            &["demo", "--port", "abc"],
            "エラー: `--port <PORT>` に `abc` は指定できません。",
        ),
    ] {
        let told = in_japanese(&files, arguments);
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.stderr.contains(words) && told.stdout.is_empty(), "{told:?}");
        assert!(told.stderr.contains("詳しくは `--help`"), "{told:?}");
    }
    let diff = in_japanese(&files, &["diff", "--help"]).stdout;
    let (_, arguments) = diff.split_once("引数:").unwrap_or_default();
    assert!(arguments.find("<OLD>") < arguments.find("<NEW>"), "{diff}");
    let undo = in_japanese(&files, &["undo", "--help"]).stdout;
    assert!(
        undo.contains("動いているゲートウェイの設定の、直前の変更を取り消します。"),
        "{undo}"
    );
}

#[test]
fn the_first_variable_that_is_set_decides() {
    let files = Files::committed();
    let told = |set: &[(&str, &str)]| {
        let mut command = kakehashi(files.folder());
        command
            .arg("check")
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env_remove("LANG");
        command.envs(set.iter().copied());
        Finished::of_command(&mut command, files.folder()).stdout
    };
    for japanese in [
        [("LC_ALL", "ja_JP.UTF-8"), ("LANG", "C")].as_slice(),
        &[("LC_MESSAGES", "ja_JP.UTF-8"), ("LANG", "en_US.UTF-8")],
        &[("LC_ALL", ""), ("LANG", "ja")],
    ] {
        assert!(told(japanese).contains("正常："), "{japanese:?}");
    }
    for english in [
        [("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")].as_slice(),
        &[("LANG", "en_US.UTF-8")],
        &[],
    ] {
        assert!(told(english).contains("well: revision"), "{english:?}");
    }
}

#[test]
fn what_would_become_of_a_request_is_explained_in_japanese() {
    let files = Files::committed();
    let target = "/ngsi-ld/v1/entities?type=EvacuationSite&attrs=name";
    let arguments = ["explain", "--consumer", "bousai-map", "GET", target];
    let told = in_japanese(&files, &arguments);
    assert_eq!(told.code, Some(0), "{told:?}");
    for words in ["提供を許可", "問合せ：", "負担：最初のリクエスト"] {
        assert!(told.stdout.contains(words), "{words}:\n{}", told.stdout);
    }
    for words in ["granted", "asked:", "cost:"] {
        assert!(!told.stdout.contains(words), "{words}:\n{}", told.stdout);
    }
    let nobody = in_japanese(&files, &["explain", "--consumer", "bousai-mapp", "GET", target]);
    let expected = "エラー: `bousai-mapp` というデータ利用者はいません。`bousai-map` の誤りではありませんか。";
    assert!(nobody.stderr.contains(expected), "{}", nobody.stderr);
    // For machines there is one language.
    let json = in_japanese(&files, &[&arguments[..], &["--json"]].concat());
    assert_eq!(
        json.stdout,
        Finished::well(files.folder(), &[&arguments[..], &["--json"]].concat()).stdout
    );
}

#[test]
fn who_gains_and_who_loses_is_told_in_japanese() {
    let (old, new) = (Files::committed(), Files::committed());
    new.write("policies/sano.cedar", "// Nothing.\n");
    let folders = [old.folder().display().to_string(), new.folder().display().to_string()];
    let told = in_japanese(&old, &["diff", &folders[0], &folders[1]]);
    assert!(told.stdout.contains("（sano のデータ）："), "{}", told.stdout);
    assert!(told.stdout.contains("比べたもの：参加団体"), "{}", told.stdout);
    let same = in_japanese(&old, &["diff", &folders[0], &folders[0]]);
    assert!(
        same.stdout
            .starts_with("参照できるものが増える者も、減る者もいません。"),
        "{}",
        same.stdout
    );
}

#[test]
fn the_other_commands_and_their_help_speak_japanese() {
    let files = Files::committed();
    files.write("nothing.json", "[]");
    for (arguments, words) in [
        (["policy", "test"].as_slice(), "件が合格です。"),
        (&["key", "new"], "キーはデータ利用者に一度だけ渡し"),
        (&["key", "list"], "キー "),
        (
            &["key", "revoke", "nobody", "2026"],
            "`nobody` というデータ利用者や管理者はいません。",
        ),
        (&["--help"], "提供ルールを扱います"),
        (&["check", "--help"], "設定が読み込めるかどうか"),
        (
            &["store", "load", "--tenant", "yaita", "none.json"],
            "none.json を読み取れません",
        ),
        (
            &["import", "--tenant", "yaita", "nothing.json"],
            "yaita：作成 0 件、置換え 0 件、変更なし 0 件、拒否 0 件\n",
        ),
    ] {
        let told = in_japanese(&files, arguments);
        let all = format!("{}{}", told.stdout, told.stderr);
        assert!(all.contains(words), "{arguments:?}: {words}:\n{all}");
    }
    let help = in_japanese(&files, &["--help"]).stdout;
    assert!(
        help.contains("使い方：") && help.contains("コマンド") && !help.contains("Usage"),
        "{help}"
    );
}

/// The answer to the same question in both languages, and what they must have in common.
async fn both(ask: impl Fn() -> Ask) -> (Answer, Answer) {
    let japanese = ask().header("accept-language", "ja,en;q=0.5").await;
    let english = ask().await;
    for (answer, language) in [(&japanese, "ja"), (&english, "en")] {
        assert_eq!(answer.header("content-language"), Some(language), "{answer}");
        let varies = answer.header("vary").unwrap_or_default().to_lowercase();
        assert!(
            varies.split(',').any(|name| name.trim() == "accept-language"),
            "{answer}"
        );
    }
    assert_eq!(japanese.status, english.status);
    (japanese, english)
}

fn detail(answer: &Answer) -> String {
    answer.problem().detail
}

#[tokio::test]
async fn problems_are_told_in_the_language_that_is_asked_for() {
    let platform = Platform::start().await;
    let (unknown, english) = both(|| platform.entities("type=AED").key("nobody's")).await;
    assert_eq!(unknown.status, 401);
    assert!(detail(&unknown).contains("有効な API キー"), "{unknown}");
    assert!(detail(&english).starts_with("present one valid API key"), "{english}");
    assert_eq!(unknown.header("www-authenticate"), english.header("www-authenticate"));

    let (absent, english) = both(|| platform.entity("urn:ngsi-ld:AED:none")).await;
    assert_eq!(
        (absent.status, detail(&absent).as_str()),
        (404, "その ID のエンティティは、参照できるものの中にありません。")
    );
    assert_eq!(absent.json()["title"], "リソースがありません");
    assert_eq!(
        (&absent.json()["type"], &english.json()["title"]),
        (&english.json()["type"], &json!("No such resource"))
    );

    // What the parser of q says stands in what is said of the parameter.
    let (nested, _) = both(|| platform.query(&[("type", "AED"), ("q", "name==")])).await;
    assert_eq!(nested.status, 400);
    assert!(detail(&nested).starts_with("パラメーター `q` の位置 6："), "{nested}");
    assert!(detail(&nested).contains("必要ですが、末尾があります。"), "{nested}");

    let (unknown, _) = both(|| platform.entities("type=AED&atrs=name")).await;
    assert!(detail(&unknown).contains("不明なパラメーター `atrs`"), "{unknown}");
    assert!(
        detail(&unknown).contains("`attrs` の誤りではありませんか。"),
        "{unknown}"
    );

    let (nowhere, _) = both(|| platform.get("/ngsi-ld/v1/nothing")).await;
    assert!(detail(&nowhere).contains("リソースはありません"), "{nowhere}");

    let (method, _) = both(|| platform.request(Method::DELETE, "/ngsi-ld/v1/types")).await;
    assert_eq!(
        (method.status, &method.json()["title"]),
        (405, &json!("使えないメソッドです"))
    );
}

#[tokio::test]
async fn whoever_is_over_the_limit_is_told_in_japanese() {
    let builder = Platform::builder().await.tenants(|table| {
        let limits = Table::from_iter([
            ("requests_per_second".to_owned(), 1.into()),
            ("burst".to_owned(), 1.into()),
        ]);
        section(section(table, "consumers"), "bousai-map").insert("limits".to_owned(), limits.into());
    });
    let platform = builder.start().await;
    for _ in 0..200 {
        let answer = platform
            .entities("type=NoSuchType")
            .header("accept-language", "ja")
            .await;
        if answer.status == 429 {
            assert!(
                detail(&answer).contains("利用制限（毎秒のリクエスト数）を超えました。"),
                "{answer}"
            );
            assert_eq!(answer.header("content-language"), Some("ja"));
            return;
        }
    }
    panic!("never refused");
}

#[tokio::test]
async fn what_is_no_problem_is_the_same_in_every_language() {
    let platform = Platform::start().await;
    let ask = || platform.entities("type=EvacuationSite&limit=2");
    let (japanese, english) = (ask().header("accept-language", "ja").await, ask().await);
    assert_eq!(
        (&japanese.body, japanese.header("vary")),
        (&english.body, english.header("vary"))
    );
    assert_eq!(
        (japanese.header("content-language"), japanese.header("etag")),
        (None, english.header("etag"))
    );
    assert!(
        !english
            .header("vary")
            .unwrap_or_default()
            .to_lowercase()
            .contains("language"),
        "{english}"
    );
    // HEAD has the length of what GET has.
    let target = "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:none";
    let head = platform
        .request(Method::HEAD, target)
        .header("accept-language", "ja")
        .await;
    let get = platform.get(target).header("accept-language", "ja").await;
    assert_eq!((head.status, head.header("content-language")), (404, Some("ja")));
    assert_eq!(
        head.header("content-length"),
        Some(get.body.len().to_string().as_str()),
        "{head}"
    );
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn refusals_of_the_admin_api_and_what_is_wrong_are_told_in_japanese() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let ops = platform.admin("ops");
    let files = ops.get("/admin/v1/revision/files").await.ok();
    let tag = files.header("etag").unwrap().to_owned();
    let broken = json!({ "files": { "policies/sano.cedar": "permit (principal, action, resource in Tenant::\"sano\");\nforbid (" } });
    let ask = || {
        let patch = ops
            .request(Method::PATCH, "/admin/v1/revision")
            .header("if-match", &tag);
        patch.json(&broken)
    };
    let (japanese, english) = both(ask).await;
    assert_eq!(japanese.status, 422, "{japanese}");
    let (japanese, english): (Value, Value) = (japanese.json(), english.json());
    assert_eq!(
        japanese["detail"],
        "この版は受け付けません。稼働中の版が続きます。理由は `diagnostics` にあります。"
    );
    let (told, meant) = (&japanese["diagnostics"][0], &english["diagnostics"][0]);
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("Cedar の提供ルールとして読み取れません"),
        "{told}"
    );
    assert!(told["text"].as_str().unwrap().starts_with("エラー: "), "{told}");
    assert_eq!(
        (&told["location"], &told["severity"]),
        (&meant["location"], &meant["severity"])
    );
    let (unauthorized, _) = both(|| ops.get("/admin/v1/revision").key("none")).await;
    assert_eq!(unauthorized.status, 401);
    assert!(
        unauthorized.json()["detail"].as_str().unwrap().contains("管理者のキー"),
        "{unauthorized}"
    );
    // The log of all of this is English.
    let log = platform.whole_log().await;
    assert!(log.lines().all(|line| !line.contains("受け付けません")), "{log}");
}
