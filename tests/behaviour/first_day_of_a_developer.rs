//! The first day of somebody who knows REST and not NGSI-LD, with the programs and the words of the guide: the nearest places
//! that suit a flood, all pages, a limit that is used up, a city that does not answer, and what types and attributes mean. The
//! subscription is pasted in `guide_for_consumers`.

use std::fs;
use std::process::{Command, Stdio};

use super::guide_for_consumers::PROGRAMS;
use super::harness::{Files, Finished, Platform, READER, key_of, page, section};

const DATA: &str = include_str!("../../docs/data.md");

/// Runs a program of the guide as it stands there, and gives what it prints and what it says beside.
async fn run(platform: &Platform, program: &str) -> (String, String) {
    let folder = platform.files().folder().to_owned();
    for (name, block) in page(PROGRAMS).programs {
        fs::write(folder.join(name), block.text).unwrap();
    }
    let interpreter = if program.ends_with(".py") { "python3" } else { "node" };
    let mut command = Command::new(interpreter);
    command
        .arg(program)
        .current_dir(folder)
        .env("BASE", format!("{}/ngsi-ld/v1", platform.gateway().url()))
        .env("KEY", key_of(READER))
        .stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(done.status.success(), "{program}: {done:?}");
    (text(done.stdout), text(done.stderr))
}

/// How many sites suit a flood, by the gateway's own count.
async fn suitable(platform: &Platform) -> usize {
    let question = "type=EvacuationSite&q=typeOfDisasterFlood==true&limit=0&count=true";
    platform.entities(question).by("sano-dashboard").await.ok().count()
}

#[tokio::test]
async fn the_programs_of_the_guide_wait_when_they_ask_too_much_and_find_everything() {
    let platform = Platform::builder().await.tenants(|table| {
        let limits: toml::Table = "requests_per_second = 1\nburst = 2".parse().unwrap();
        let reader = section(section(table, "consumers"), READER);
        reader.insert("limits".into(), limits.into());
    });
    let platform = platform.start().await;
    let count = suitable(&platform).await;
    assert!(count > 40, "more than two pages: {count}");
    let mut all = Vec::new();
    for program in ["nearest.py", "nearest.mjs"] {
        let (printed, said) = run(&platform, program).await;
        assert!(
            said.contains("asked too much: waiting "),
            "{program} had not to wait: {said}"
        );
        assert!(
            printed.starts_with(&format!("{count} places suit a flood")),
            "{program}: {printed}"
        );
        all.push(printed);
    }
    assert_eq!(all.first(), all.last());
    let refused = r#"kakehashi_refused_total{reason="rate_limit""#;
    assert!(platform.gateway().metrics().contains(refused), "nothing was refused");
}

#[tokio::test]
async fn the_programs_of_the_guide_say_which_city_does_not_answer() {
    let platform = Platform::start().await;
    platform.demo().sano().stop().await;
    let count = suitable(&platform).await;
    let (_, section) = PROGRAMS.split_once("## When a city does not answer").unwrap();
    let shown = section.split("```").nth(1).unwrap().trim();
    for program in ["nearest.py", "nearest.mjs"] {
        let (printed, _) = run(&platform, program).await;
        assert_eq!(printed.trim(), shown, "{program}");
        assert!(printed.contains(&format!("\n{count} places suit a flood")), "{printed}");
    }
}

#[tokio::test]
async fn a_program_of_the_guide_says_what_is_wrong_with_a_key() {
    let platform = Platform::start().await;
    let files = Files::committed();
    for (name, block) in page(PROGRAMS).programs {
        files.write(&name, block.text);
    }
    for program in ["python3 nearest.py", "node nearest.mjs"] {
        let (interpreter, name) = program.split_once(' ').unwrap();
        let mut command = Command::new(interpreter);
        command
            .arg(name)
            .current_dir(files.folder())
            .env("BASE", format!("{}/ngsi-ld/v1", platform.gateway().url()))
            .env("KEY", "kkh_wrong")
            .stdin(Stdio::null());
        let folder = files.folder().to_owned();
        let done = tokio::task::spawn_blocking(move || Finished::of_command(&mut command, &folder))
            .await
            .unwrap();
        assert_ne!(done.code, Some(0), "{program}");
        assert!(done.stderr.contains("401"), "{program}: {done:?}");
    }
}

#[tokio::test]
async fn every_type_and_attribute_that_the_developer_is_shown_is_explained() {
    let platform = Platform::start().await;
    let types = platform.get("/ngsi-ld/v1/types").await.ok().json();
    let types: Vec<&str> = types["typeList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(
        types.contains(&"EvacuationSite") && types.contains(&"WeatherObserved"),
        "{types:?}"
    );
    for name in types {
        assert!(
            DATA.contains(&format!("| [`{name}`](#")),
            "{name} is not in docs/data.md"
        );
        let entities = platform
            .entities(format!("type={name}&options=keyValues&limit=50"))
            .await
            .ok()
            .json();
        for entity in entities.as_array().unwrap() {
            let members = entity.as_object().unwrap().keys();
            for member in members.filter(|member| !matches!(member.as_str(), "id" | "type" | "@context")) {
                assert!(
                    DATA.contains(&format!("| `{member}` | ")),
                    "{name}: {member} is not in docs/data.md"
                );
            }
        }
    }
}
