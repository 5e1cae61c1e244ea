//! A broken tenants.toml, mapping, policy or classification: the start is refused, with file, line, reason and what was
//! probably meant. `check` and `serve` say the same.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::harness::{Files, Finished, kakehashi};

/// One way to break a committed file.
struct Breakage {
    file: &'static str,
    /// What is replaced; empty: the end of the file.
    find: &'static str,
    with: &'static str,
    /// What the refusal must say beside file and line.
    says: &'static [&'static str],
    /// Lines from the replacement to where the refusal points; a policy is named by its first line.
    lines_off: isize,
}

const fn broken(file: &'static str, find: &'static str, with: &'static str, says: &'static [&'static str]) -> Breakage {
    Breakage {
        file,
        find,
        with,
        says,
        lines_off: 0,
    }
}

/// The same where the refusal points at the beginning of the policy, this many lines from the replacement.
const fn broken_policy(
    find: &'static str,
    with: &'static str,
    says: &'static [&'static str],
    lines_off: isize,
) -> Breakage {
    Breakage {
        file: "policies/sano.cedar",
        find,
        with,
        says,
        lines_off,
    }
}

/// The line, counted from 1, at which the replacement begins.
fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}

fn each_is_refused(breakages: &[Breakage]) {
    let mut wrong = Vec::new();
    for breakage in breakages {
        let Breakage {
            file,
            find,
            with,
            says,
            lines_off,
        } = breakage;
        let files = Files::committed();
        let text = files.read(file);
        let position = if find.is_empty() {
            text.len()
        } else {
            text.find(find).unwrap_or_else(|| panic!("{file} has no {find}"))
        };
        let mut changed = text.clone();
        changed.replace_range(position..position + find.len(), with);
        files.write(file, &changed);
        let line = line_of(&changed, position + with.len() - with.trim_start_matches('\n').len())
            .strict_add_signed(*lines_off);
        let name = file.rsplit('/').next().unwrap();
        for command in [
            ["check", "--config", "tenants.toml"],
            ["serve", "--config", "tenants.toml"],
        ] {
            // A port that nobody can have would be another reason.
            let mut process = kakehashi(files.folder());
            process
                .args(command)
                .args(["--policies", "policies/"])
                .env("KAKEHASHI__GATEWAY__LISTEN", "127.0.0.1:0")
                .env("KAKEHASHI__GATEWAY__ADMIN_LISTEN", "127.0.0.1:0");
            let finished = if command[0] == "serve" {
                bounded(&process, files.folder())
            } else {
                Finished::of_command(&mut process, files.folder())
            };
            let error = &finished.stderr;
            let place = format!("{name}:{line}");
            if finished.code != Some(1) || !error.contains(&place) || !says.iter().all(|said| error.contains(said)) {
                wrong.push(format!(
                    "{command:?} with {file} `{find}` -> `{with}`: expected 1, {place}, {says:?}; got {:?}\n{error}{}",
                    finished.code, finished.stdout
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n----\n"));
}

/// A `serve` that should refuse; if it does not, it is ended rather than waited for.
fn bounded(process: &std::process::Command, folder: &std::path::Path) -> Finished {
    let mut bounded = std::process::Command::new("timeout");
    bounded.arg("20").arg(process.get_program()).args(process.get_args());
    bounded.current_dir(folder);
    for (name, value) in process.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    Finished::of_command(&mut bounded, folder)
}

#[test]
fn tenants() {
    each_is_refused(&[
        broken(
            "tenants.toml",
            "admin_listen =",
            "admin_listn =",
            &["admin_listn", "admin_listen"],
        ),
        broken(
            "tenants.toml",
            "endpoint = \"http://127.0.0.1:9101\"",
            "endpont = \"http://127.0.0.1:9101\"",
            &["endpont", "endpoint"],
        ),
        broken(
            "tenants.toml",
            "adapter = \"rest\"",
            "adapter = \"rset\"",
            &["rset", "rest"],
        ),
        broken(
            "tenants.toml",
            "adapter = \"ngsi-v2\"",
            "adapter = \"ngsi-v3\"",
            &["ngsi-v3", "ngsi-v2"],
        ),
        broken(
            "tenants.toml",
            "code = \"092045\"",
            "code = \"092046\"",
            &["check digit"],
        ),
        // The line of the second, and that of the first in words.
        broken(
            "tenants.toml",
            "code = \"092134\"",
            "code = \"092045\"",
            &[
                "tenants `sano` (line 42 of tenants.toml) and `nasushiobara` (line 66 of tenants.toml) have the same code, 092045",
                "every local government has a code of its own",
            ],
        ),
        broken(
            "tenants.toml",
            "timeout = \"3s\"",
            "timeout = \"3 bananas\"",
            &["bananas"],
        ),
        broken("tenants.toml", "timeout = \"3s\"", "timeout = 3", &["timeout"]),
        broken(
            "tenants.toml",
            "personal_data = \"none\"",
            "personal_data = \"nne\"",
            &["none"],
        ),
        broken(
            "tenants.toml",
            "public_url = \"http://localhost:8080\"",
            "public_url = \"localhost\"",
            &["public_url"],
        ),
        broken(
            "tenants.toml",
            "{ type = \"AED\" }",
            "{ typ = \"AED\" }",
            &["typ", "type"],
        ),
        broken(
            "tenants.toml",
            "id_pattern = \"E09204\"",
            "id_pattern = \"E09204[\"",
            &["id_pattern"],
        ),
        broken(
            "tenants.toml",
            "[tenants.yaita]",
            "[tennants.yaita]",
            &["tennants", "tenants"],
        ),
        broken(
            "tenants.toml",
            "tenant = \"sano\"",
            "tenant = \"sanno\"",
            &["sanno", "sano"],
        ),
        broken(
            "tenants.toml",
            "requests_per_second = 20,",
            "requests_per_sec = 20,",
            &["requests_per_sec", "requests_per_second"],
        ),
        broken("tenants.toml", "burst = 5 }", "burst = -5 }", &["burst"]),
        broken(
            "tenants.toml",
            "env = \"SANO_API_KEY\"",
            "env = \"NOT_SET_ANYWHERE\"",
            &["NOT_SET_ANYWHERE"],
        ),
        broken(
            "tenants.toml",
            "mapping = \"mappings/sano.toml\"",
            "mapping = \"mappings/sanno.toml\"",
            &["sanno.toml"],
        ),
        broken(
            "tenants.toml",
            "partitions = [\"tochigi\", \"yaita\"]",
            "partitions = [\"tochigi\", \"yata\"]",
            &["yata", "yaita"],
        ),
        broken("tenants.toml", "[gateway]", "[gateway", &[]),
        broken("tenants.toml", "name = \"佐野市\"", "name = \"佐野市", &[]),
        broken(
            "tenants.toml",
            "id = \"nasushiobara-orion\"",
            "id = \"sano-safe-map\"",
            &["sano-safe-map"],
        ),
    ]);
}

#[test]
fn keys_of_consumers() {
    each_is_refused(&[
        broken("tenants.toml", "sha256 = \"7525", "sha256 = \"zz25", &["sha256"]),
        broken(
            "tenants.toml",
            "expires = 2027-03-31",
            "expires = \"tomorrow\"",
            &["expires"],
        ),
        broken(
            "tenants.toml",
            "sha256 = \"75254d70e45b9bccbc30502b59b190ee40c4b5835c9498aaf0ec9684857b6a78\"",
            "sha255 = \"x\"",
            &["sha255", "sha256"],
        ),
    ]);
}

#[test]
fn mappings() {
    each_is_refused(&[
        broken(
            "mappings/sano.toml",
            "records = \"$.items[*]\"",
            "records = \"$.items[*\"",
            &["records"],
        ),
        broken(
            "mappings/sano.toml",
            "record_path =",
            "record_pth =",
            &["record_pth", "record_path"],
        ),
        broken(
            "mappings/sano.toml",
            "table = \"flag\" }",
            "table = \"flags\" }",
            &["flags", "flag"],
        ),
        broken(
            "mappings/sano.toml",
            "style = \"page\"",
            "style = \"pages\"",
            &["pages", "page"],
        ),
        broken("mappings/sano.toml", "zone = \"+09:00\"", "zone = \"Tokyo\"", &["zone"]),
        broken(
            "mappings/sano.toml",
            "latitude = \"ido\"",
            "latitud = \"ido\"",
            &["latitud", "latitude"],
        ),
        broken(
            "mappings/sano.toml",
            "id = \"urn:ngsi-ld:EvacuationSite:{kyotsu_id}\"",
            "id = \"urn:ngsi-ld:EvacuationSite:{kyotsu_id\"",
            &["id"],
        ),
        broken("mappings/sano.toml", "[types.AED]", "[type.AED]", &["type"]),
        broken(
            "mappings/sano.toml",
            "[types.AED.attributes]",
            "[types.AED.attributes",
            &[],
        ),
    ]);
}

#[test]
fn policies() {
    each_is_refused(&[
        broken("policies/sano.cedar", "permit (", "premit (", &[]),
        broken("policies/sano.cedar", "Role::\"reader\"", "Rol::\"reader\"", &["Rol"]),
        broken(
            "policies/sano.cedar",
            "action in Action::\"read\"",
            "action in Action::\"reed\"",
            &["reed", "read"],
        ),
        broken_policy(
            "resource in Tenant::\"sano\"",
            "resource in Tenant::\"nasushiobara\"",
            &["nasushiobara", "sano"],
            -3,
        ),
        broken_policy("@attributes(", "@atributes(", &["atributes", "attributes"], 0),
        broken(
            "policies/yaita.cedar",
            "Class::\"open\" };",
            "Class::\"opn\" };",
            &["opn"],
        ),
        broken(
            "policies/nasushiobara.cedar",
            "resource.class ==",
            "resource.clas ==",
            &["clas"],
        ),
        broken(
            "policies/tochigi.cedar",
            "",
            "\npermit (principal, action, resource",
            &[],
        ),
    ]);
}

#[test]
fn the_operators_file_may_only_forbid() {
    each_is_refused(&[broken(
        "policies/platform.cedar",
        "",
        "\npermit (principal, action, resource);\n",
        &["permit"],
    )]);
}

#[test]
fn classification() {
    each_is_refused(&[
        broken(
            "policies/classification.toml",
            "class = \"open\"",
            "class = \"opne\"",
            &["opne", "open"],
        ),
        broken(
            "policies/classification.toml",
            "special-care = [",
            "special-car = [",
            &["special-car", "special-care"],
        ),
        broken(
            "policies/classification.toml",
            "groups = [\"head\"",
            "groups = [\"haed\"",
            &["haed", "head"],
        ),
        broken("policies/classification.toml", "[groups.head]", "[groups.head", &[]),
    ]);
}

/// What no text of a file says: the same is found by both, and `check` makes and changes nothing.
#[test]
fn check_says_no_where_serve_does_not_start() {
    type Breaks = fn(&Files);
    let broken: [(&str, Breaks); 9] = [
        ("a file in the place of the store's folder", |files| {
            files.write("store", "no folder");
        }),
        ("a store under a file", |files| {
            files.write("file", "no folder");
            change(files, "sqlite:store/", "sqlite:file/store/");
        }),
        ("another program's database in the place of a partition", |files| {
            std::fs::create_dir_all(files.folder().join("store")).unwrap();
            database(
                &files.folder().join("store/yaita.db"),
                "PRAGMA application_id = 12345; CREATE TABLE recipes (name TEXT)",
            );
        }),
        ("a partition that is no database", |files| {
            std::fs::create_dir_all(files.folder().join("store")).unwrap();
            files.write(
                "store/yaita.db",
                "no database at all, and long enough to be looked at".repeat(100),
            );
        }),
        ("the state of a later version", |files| {
            database(
                &files.folder().join("kakehashi.db"),
                "CREATE TABLE versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT; \
                 INSERT INTO versions VALUES ('contexts', 999), ('subscriptions', 999), ('revisions', 999)",
            );
        }),
        ("a partition of a later version", |files| {
            std::fs::create_dir_all(files.folder().join("store")).unwrap();
            database(
                &files.folder().join("store/yaita.db"),
                "PRAGMA user_version = 1000000; CREATE TABLE x (a TEXT)",
            );
        }),
        ("a folder in the place of the state", |files| {
            std::fs::create_dir_all(files.folder().join("kakehashi.db/x")).unwrap();
        }),
        ("a service path without a name", |files| {
            change(files, "fiware_servicepath = \"/#\"", "fiware_servicepath = \"/a//b\"");
        }),
        ("a type that Orion cannot have", |files| {
            change(
                files,
                "{ type = \"Resident\", authoritative = true }",
                "{ type = \"https://example.org/a\" }",
            );
        }),
    ];
    let mut wrong = Vec::new();
    for (what, breaks) in broken {
        let files = Files::committed();
        breaks(&files);
        let before = files_in(files.folder());
        let run = |command: &str| {
            let mut process = kakehashi(files.folder());
            process
                .args([command, "--config", "tenants.toml", "--policies", "policies/"])
                .env("KAKEHASHI__GATEWAY__LISTEN", "127.0.0.1:0")
                .env("KAKEHASHI__GATEWAY__ADMIN_LISTEN", "127.0.0.1:0");
            bounded(&process, files.folder())
        };
        let checked = run("check");
        if files_in(files.folder()) != before {
            wrong.push(format!("{what}: check has made or removed files"));
        }
        let served = run("serve");
        if (checked.code, served.code) != (Some(1), Some(1)) || checked.stdout.contains("well:") {
            wrong.push(format!("{what}: {checked:?}\n{served:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

fn change(files: &Files, find: &str, with: &str) {
    let text = files.read("tenants.toml");
    assert!(text.contains(find), "{find}");
    files.write("tenants.toml", text.replace(find, with));
}

/// A database that is not as we make it.
fn database(file: &std::path::Path, made: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(made).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Every file of a database below a folder, with its length.
fn files_in(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.metadata().unwrap() {
                metadata if metadata.is_dir() => folders.push(entry.path()),
                metadata if entry.file_name().to_string_lossy().contains(".db") => {
                    all.push((entry.path(), metadata.len()));
                }
                _ => {}
            }
        }
    }
    all.sort();
    all
}

#[test]
fn what_is_missing_is_named() {
    for (gone, named) in [
        ("policies/classification.toml", "classification.toml"),
        ("policies/schema.cedarschema", "schema.cedarschema"),
        ("tenants.toml", "tenants.toml"),
    ] {
        let files = Files::committed();
        files.remove(gone);
        let finished = Finished::of(files.folder(), &["check"]);
        assert_eq!(finished.code, Some(1), "{gone}: {finished:?}");
        assert!(finished.stderr.contains(named), "{gone}: {}", finished.stderr);
    }
}

#[test]
fn a_secret_in_a_broken_line_is_not_shown() {
    let files = Files::committed();
    let text = files.read("tenants.toml").replace(
        "value = { env = \"SANO_API_KEY\" }",
        "value = \"swordfish-in-plain-text\"",
    );
    files.write("tenants.toml", text);
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(!finished.stderr.contains("swordfish"), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("env"),
        "says what to write instead: {}",
        finished.stderr
    );
}

#[test]
fn several_faults_are_told_at_once() {
    let files = Files::committed();
    let text = files
        .read("tenants.toml")
        .replace("admin_listen", "admin_listn")
        .replace("adapter = \"rest\"", "adapter = \"rset\"");
    files.write("tenants.toml", text);
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("admin_listn") && finished.stderr.contains("rset"),
        "{}",
        finished.stderr
    );
}

#[test]
fn an_address_to_listen_at_that_is_none() {
    let files = Files::committed();
    files.write(
        "tenants.toml",
        files
            .read("tenants.toml")
            .replace("listen = \"127.0.0.1:8080\"", "listen = \"somewhere\""),
    );
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("tenants.toml:8") && finished.stderr.contains("listen"),
        "{}",
        finished.stderr
    );
}
