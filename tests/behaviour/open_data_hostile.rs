//! Files of open data whose site or folder is not well-meaning: where redirections may lead, and what is no file of a folder.

use stand_ins::FileSite;

use super::harness::{Platform, until};
use super::open_data::{FILES, clinics, look_again, told, with_files};

async fn failure(platform: &Platform) -> String {
    until("it was read", || {
        let failed = format!("kakehashi_source_file_readings_total{{outcome=\"failed\",source=\"{FILES}\"}} 0");
        let metrics = platform.gateway().metrics();
        metrics.contains("kakehashi_source_file_readings_total") && !metrics.contains(&failed)
    })
    .await;
    told(platform).await["failed"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_redirection_is_followed_on_the_sources_own_host_alone_and_shows_its_credential_to_nobody_else() {
    let (site, other) = (FileSite::start(0).await.unwrap(), FileSite::start(0).await.unwrap());
    site.redirect("/latest", "/files/2026/clinics.json");
    site.put("/files/2026/clinics.json", "application/json", clinics(0..5));
    other.put("/clinics.json", "application/json", clinics(0..5));
    let endpoint = format!("{}/latest", site.url());
    let builder = with_files(&endpoint, |source| {
        let host = other.addr().to_string();
        source.insert("hosts".into(), toml::Value::Array(vec![host.into()]));
    });
    let platform = builder.await.start().await;
    let answer = platform
        .entities("type=MedicalInstitution&limit=100")
        .tenant("sano")
        .await
        .ok();
    assert_eq!(answer.ids().len(), 5, "{answer}");
    // The operator has named that host, and its address is a private one all the same.
    for location in [
        format!("{}/clinics.json", other.url()),
        "http://127.0.0.1:1/clinics.json".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:secret@127.0.0.1/".to_owned(),
        "/latest".to_owned(),
    ] {
        site.redirect("/latest", &location);
        let told = look_again(&platform, "refresh").await;
        assert!(told["failed"].is_string(), "{location}: {told}");
        assert_eq!(told["entities"], 5, "{location}: {told}");
    }
    assert_eq!(other.requests().len(), 0, "{:?}", other.requests());
}

#[tokio::test]
async fn no_link_leads_out_of_a_folder() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.json"), clinics(50..60)).unwrap();
    let builder = with_files("folder:open-data/", |_| {}).await;
    let folder = builder.files().folder().join("open-data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.json"), clinics(0..3)).unwrap();
    std::fs::write(folder.join("b.json"), clinics(3..7)).unwrap();
    std::fs::write(folder.join(".hidden"), "not read").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.json"), folder.join("c.json")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.join("d")).unwrap();
    let platform = builder.start().await;
    let asked = "type=MedicalInstitution&limit=100&count=true";
    assert_eq!(platform.entities(asked).tenant("sano").await.ok().count(), 7);
    // What changes there is seen by its time and length.
    std::fs::write(folder.join("b.json"), clinics(3..8)).unwrap();
    let changed = look_again(&platform, "refresh").await;
    assert_eq!(changed["entities"], 8, "{changed}");
    let same = look_again(&platform, "refresh").await;
    assert_eq!(same["unchanged"], 1, "{same}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told_and_costs_nobody_else_anything() {
    let platform = with_files("folder:nowhere/", |_| {}).await.start().await;
    assert!(failure(&platform).await.contains("folder"));
    let answer = platform
        .entities("type=EvacuationSite,MedicalInstitution&limit=5")
        .tenant("sano")
        .await
        .ok();
    assert!(!answer.ids().is_empty() && !answer.warnings().is_empty(), "{answer}");
}
