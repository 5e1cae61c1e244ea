//! `kakehashi undo`: the latest change of a running gateway's configuration is taken back by one word, and that word by another.

use http::Method;
use serde_json::json;

use super::harness::{Finished, Platform, kakehashi, key_of};

const REVISION: &str = "/admin/v1/revision";

async fn platform() -> Platform {
    Platform::builder().await.administrators().log("info").start().await
}

/// The command as an administrator, beside the running gateway.
fn undo(platform: &Platform, administrator: Option<&str>, arguments: &[&str]) -> Finished {
    undo_in(platform, "C.UTF-8", administrator, arguments)
}

fn undo_in(platform: &Platform, language: &str, administrator: Option<&str>, arguments: &[&str]) -> Finished {
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let mut command = kakehashi(platform.files().folder());
    command.args(["undo", "--admin", &admin]).args(arguments);
    command.env("LC_ALL", language);
    if let Some(administrator) = administrator {
        command.env("KAKEHASHI_ADMIN_KEY", key_of(administrator));
    }
    Finished::of_command(&mut command, platform.files().folder())
}

async fn running(platform: &Platform) -> String {
    let shown = platform.admin("ops").get(REVISION).await.ok().json();
    shown["revision"].as_str().unwrap().to_owned()
}

/// A change of a policy file, by an administrator of Sano.
async fn hide_sano(platform: &Platform) {
    let files =
        json!({ "files": { "policies/sano.cedar": "forbid (principal, action, resource in Tenant::\"sano\");\n" } });
    let tag = format!("\"{}\"", running(platform).await);
    let request = platform.admin("sano-admin").request(Method::PATCH, REVISION);
    request.header("if-match", &tag).json(&files).await.ok();
}

fn says(finished: &Finished, all: &[&str]) {
    let told = format!("{}{}", finished.stdout, finished.stderr);
    for said in all {
        assert!(told.contains(said), "{said}: {told}");
    }
}

#[tokio::test]
async fn the_latest_change_is_taken_back_and_that_again() {
    let platform = platform().await;
    let count = async || {
        platform
            .entities("type=AED&limit=0&count=true")
            .tenant("sano")
            .await
            .status
    };
    let began = running(&platform).await;
    hide_sano(&platform).await;
    let hidden = running(&platform).await;
    assert_eq!(count().await, 404);

    let looked = undo(&platform, Some("ops"), &["--dry-run"]);
    assert_eq!(looked.code, Some(0), "{looked:?}");
    says(&looked, &["nothing was changed: without --dry-run it is done"]);
    assert_eq!(running(&platform).await, hidden);

    let undone = undo(&platform, Some("ops"), &[]);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    let (from, to) = (hidden.get(..12).unwrap(), began.get(..12).unwrap());
    says(
        &undone,
        &[
            &format!("from  {from}, since 20"),
            "applied by sano-admin",
            &format!("to    {to}, since 20"),
            "files policies/sano.cedar",
            "bousai-map, sano-dashboard gain something of AED",
            "limited-app gains something of EvacuationSite",
            &format!("done: {to} runs and is on the disk"),
            &format!("to take this back: kakehashi undo, or at any time kakehashi undo --to {from}"),
        ],
    );
    assert_eq!((running(&platform).await, count().await), (began.clone(), 200));

    let again = undo(&platform, Some("ops"), &[]);
    says(
        &again,
        &[
            "sano-dashboard lose something of",
            "limited-app loses something of EvacuationSite",
        ],
    );
    says(&again, &[&format!("done: {from} runs")]);
    assert_eq!((running(&platform).await, count().await), (hidden.clone(), 404));

    // By its name, whatever has come after it.
    let named = undo(&platform, Some("ops"), &["--to", to]);
    says(&named, &[&format!("done: {to} runs")]);
    says(&undo(&platform, Some("ops"), &["--to", to]), &["runs already"]);
    let unknown = undo(&platform, Some("ops"), &["--to", "x"]);
    says(
        &unknown,
        &["no revision that is remembered begins with `x`; these are:", from, to],
    );
}

#[tokio::test]
async fn a_tenants_administrator_takes_back_its_own_part() {
    let platform = platform().await;
    let began = platform.files().read("policies/sano.cedar");
    hide_sano(&platform).await;
    // Somebody else changes something of its own meanwhile.
    let tag = format!("\"{}\"", running(&platform).await);
    let files = json!({ "files": { "policies/yaita.cedar": "// Nothing.\n" } });
    let request = platform.admin("ops").request(Method::PATCH, REVISION);
    request.header("if-match", &tag).json(&files).await.ok();
    let undone = undo(&platform, Some("sano-admin"), &[]);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    assert_eq!(platform.files().read("policies/sano.cedar"), began);
    assert_eq!(platform.files().read("policies/yaita.cedar"), "// Nothing.\n");
    assert!(!undone.stdout.contains("yaita"), "{}", undone.stdout);
}

#[tokio::test]
async fn what_keeps_it_from_being_done_says_what_to_do() {
    let platform = platform().await;
    let nothing = undo(&platform, Some("ops"), &[]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    says(&nothing, &["there is nothing to undo"]);
    hide_sano(&platform).await;
    let before = running(&platform).await;
    for (finished, said) in [
        (
            undo(&platform, None, &[]),
            "put the key of an administrator into the environment variable KAKEHASHI_ADMIN_KEY",
        ),
        (
            undo(&platform, Some("nobody"), &[]),
            "it must be that of an administrator, under [administrators]",
        ),
        (
            undo(&platform, Some("auditor"), &[]),
            "an auditor sees everything and changes nothing",
        ),
        (
            undo(&platform, Some("ops"), &["--admin", "https://127.0.0.1"]),
            "cannot be used multiple times",
        ),
    ] {
        assert_ne!(finished.code, Some(0), "{finished:?}");
        says(&finished, &[said]);
    }
    // An edit that does not run is not overwritten unasked.
    platform.files().append("policies/yaita.cedar", "permit nonsense");
    let edited = undo(&platform, Some("ops"), &[]);
    assert_eq!(edited.code, Some(1), "{edited:?}");
    says(
        &edited,
        &[
            "policies/yaita.cedar",
            "kakehashi undo --discard-edits puts what runs in their place",
        ],
    );
    assert_eq!(running(&platform).await, before);
    let discarded = undo(&platform, Some("ops"), &["--discard-edits"]);
    assert_eq!(discarded.code, Some(0), "{discarded:?}");
    assert!(!platform.files().read("policies/yaita.cedar").contains("nonsense"));
    assert_eq!(running(&platform).await, before, "what runs is not gone back behind");
    assert_eq!(
        undo(&platform, Some("ops"), &[]).code,
        Some(0),
        "now the files are as what runs"
    );
    assert_ne!(running(&platform).await, before);
    // It is found by what the files say, where no address is named.
    let folder = platform.files().folder();
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let listen = admin.strip_prefix("http://").unwrap();
    let mut command = kakehashi(folder);
    command
        .args(["undo", "--dry-run"])
        .env("KAKEHASHI_ADMIN_KEY", key_of("ops"));
    let unsaid = Finished::of_command(&mut command, folder);
    says(&unsaid, &["leaves the port to the system"]);
    command.env("KAKEHASHI__GATEWAY__ADMIN_LISTEN", listen);
    says(&Finished::of_command(&mut command, folder), &[&format!("at {admin}")]);
}

/// Changes a file as an operator.
async fn change(platform: &Platform, file: &str, text: &str) {
    let tag = format!("\"{}\"", running(platform).await);
    let request = platform.admin("ops").request(Method::PATCH, REVISION);
    let body = json!({ "files": { file: text } });
    request.header("if-match", &tag).json(&body).await.ok();
}

#[tokio::test]
async fn the_way_back_that_is_named_is_one_that_the_same_administrator_can_go() {
    let platform = platform().await;
    let began = platform.files().read("policies/sano.cedar");
    hide_sano(&platform).await;
    let hidden = platform.files().read("policies/sano.cedar");
    // What runs then is no revision of the tenant's own history.
    change(&platform, "policies/yaita.cedar", "// Nothing.\n").await;
    let undone = undo(&platform, Some("sano-admin"), &[]);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    assert_eq!(platform.files().read("policies/sano.cedar"), began);
    let (_, back) = undone.stdout.trim_end().rsplit_once("kakehashi undo --to ").unwrap();
    let taken_back = undo(&platform, Some("sano-admin"), &["--to", back]);
    assert_eq!(taken_back.code, Some(0), "{taken_back:?}");
    assert_eq!(platform.files().read("policies/sano.cedar"), hidden);
    // The latest of its own is what runs, whatever came of others since.
    change(&platform, "policies/yaita.cedar", "// Nothing more.\n").await;
    let (_, latest) = taken_back.stdout.split_once("done: ").unwrap();
    let latest = latest.get(..12).unwrap();
    let same = undo(&platform, Some("sano-admin"), &["--to", latest, "--dry-run"]);
    assert_eq!(same.code, Some(1), "{same:?}");
    says(&same, &[&format!("{latest} runs already")]);
}

#[tokio::test]
async fn looking_says_what_would_keep_it_from_being_done() {
    let platform = platform().await;
    hide_sano(&platform).await;
    let auditor = undo(&platform, Some("auditor"), &["--dry-run"]);
    assert_eq!(auditor.code, Some(1), "{auditor:?}");
    says(
        &auditor,
        &["nothing was changed: an auditor sees everything and changes nothing"],
    );
    platform.files().append("policies/yaita.cedar", "permit nonsense");
    for arguments in [["--dry-run"].as_slice(), &[]] {
        let own = undo(&platform, Some("sano-admin"), arguments);
        assert_eq!(own.code, Some(1), "{own:?}");
        says(
            &own,
            &[
                "nothing was changed: files hold edits that do not run",
                "the operator's to mend or to discard",
            ],
        );
        let told = format!("{}{}", own.stdout, own.stderr);
        for unsaid in ["yaita", "discard-edits", "it is done"] {
            assert!(!told.contains(unsaid), "{told}");
        }
        let discarding = undo(
            &platform,
            Some("sano-admin"),
            &[&["--discard-edits"], arguments].concat(),
        );
        assert_eq!(discarding.code, Some(1), "{discarding:?}");
        says(
            &discarding,
            &["nothing was changed: edits of the files may be another tenant's"],
        );
        assert!(!discarding.stdout.contains("it is done"), "{discarding:?}");
    }
    let operator = undo(&platform, Some("ops"), &["--dry-run"]);
    assert_eq!(operator.code, Some(1), "{operator:?}");
    says(
        &operator,
        &["policies/yaita.cedar", "kakehashi undo --discard-edits puts what runs"],
    );
    assert!(!operator.stdout.contains("it is done"), "{operator:?}");
    let discarding = undo(&platform, Some("ops"), &["--discard-edits", "--dry-run"]);
    assert_eq!(discarding.code, Some(0), "{discarding:?}");
    says(&discarding, &["nothing was changed: without --dry-run it is done"]);
}

#[tokio::test]
async fn a_key_that_was_taken_out_becomes_valid_again_when_that_is_said_alone() {
    let platform = platform().await;
    let tenants: toml::Table = platform.files().read("tenants.toml").parse().unwrap();
    let without = |change: &dyn Fn(&mut toml::Table)| {
        let mut tenants = tenants.clone();
        let app = tenants["consumers"]["limited-app"].as_table_mut().unwrap();
        change(app);
        toml::to_string(&tenants).unwrap()
    };
    let name = tenants["consumers"]["limited-app"]["keys"][0]["name"].as_str().unwrap();
    let expired: toml::value::Datetime = "2020-03-31".parse().unwrap();
    for (text, how, japanese) in [
        (without(&|app| drop(app.remove("keys"))), "was taken out", "削除された"),
        (
            without(&|app| {
                let key = app["keys"][0].as_table_mut().unwrap();
                key.insert("expires".to_owned(), expired.into());
            }),
            "has expired",
            "期限切れの",
        ),
    ] {
        let status = async || {
            platform
                .entities("type=AED&limit=1")
                .key(&key_of("limited-app"))
                .await
                .status
        };
        change(&platform, "tenants.toml", &text).await;
        assert_eq!(status().await, 401);
        let again = format!("the key `{name}` of consumer `limited-app`, which {how}, is valid again");
        let looked = undo(&platform, Some("ops"), &["--dry-run"]);
        assert_eq!(looked.code, Some(0), "{looked:?}");
        says(&looked, &[&again, "without --dry-run and with --yes it is done"]);
        let unsaid = undo(&platform, Some("ops"), &[]);
        assert_eq!(unsaid.code, Some(1), "{unsaid:?}");
        says(&unsaid, &[&again, "nothing was changed: ", "`kakehashi undo --yes`"]);
        let told = undo_in(&platform, "ja_JP.UTF-8", Some("ops"), &[]);
        says(
            &told,
            &[
                &format!("データ利用者 `limited-app` の{japanese}キー `{name}` が、再び有効になります。"),
                "（`kakehashi undo --yes`）",
            ],
        );
        assert_eq!(status().await, 401);
        let said = undo(&platform, Some("ops"), &["--yes"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        says(&said, &[&again, "done: "]);
        assert_eq!(status().await, 200);
        // The way back takes it out, and asks for nothing.
        let back = undo(&platform, Some("ops"), &["--dry-run"]);
        assert!(!back.stdout.contains("is valid again"), "{back:?}");
    }
}

#[tokio::test]
async fn where_no_grant_changes_it_says_no_more_than_that() {
    let platform = platform().await;
    let mut tenants: toml::Table = platform.files().read("tenants.toml").parse().unwrap();
    let app = tenants["consumers"]["limited-app"].as_table_mut().unwrap();
    app.insert("name".to_owned(), "Otherwise".into());
    change(&platform, "tenants.toml", &toml::to_string(&tenants).unwrap()).await;
    let undone = undo(&platform, Some("ops"), &[]);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    says(&undone, &["      no grant changes"]);
}

#[test]
fn where_no_gateway_runs_it_says_so() {
    let files = super::harness::Files::committed();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let mut command = kakehashi(files.folder());
    command.args(["undo", "--admin", &format!("http://{address}")]);
    command.env("KAKEHASHI_ADMIN_KEY", "x");
    let finished = Finished::of_command(&mut command, files.folder());
    assert_eq!(finished.code, Some(1), "{finished:?}");
    says(&finished, &["no gateway runs there: start one with `kakehashi serve`"]);
}
