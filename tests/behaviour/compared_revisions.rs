//! `kakehashi diff` and its admin API: who gains and who loses what.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::harness::{Files, Finished, Platform, section};

/// The committed files, with their tables in the order in which a change of `tenants.toml` writes them: that of the sources
/// decides as well.
fn in_order() -> Files {
    let files = Files::committed();
    files.change_tenants(|_| {});
    files
}

fn compared(old: &Files, new: &Files) -> Value {
    let (old, new) = (old.folder().display().to_string(), new.folder().display().to_string());
    let finished = Finished::well(old.as_ref(), &["diff", &old, &new, "--json"]);
    serde_json::from_str(&finished.stdout).unwrap()
}

fn text(old: &Files, new: &Files) -> String {
    let (old, new) = (old.folder().display().to_string(), new.folder().display().to_string());
    Finished::well(old.as_ref(), &["diff", &old, &new]).stdout
}

/// Tenants, consumers, operations and types of a change, and what is gained and lost, each in one text.
fn shown(change: &Value) -> [String; 6] {
    let list = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let accesses = |value: &Value| {
        let one = |access: &Value| format!("{}|{}", list(&access["conditions"]), list(&access["attributes"]));
        value.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join("; ")
    };
    [
        list(&change["tenants"]["names"]),
        list(&change["consumers"]["names"]),
        list(&change["operations"]),
        list(&change["types"]),
        accesses(&change["gained"]),
        accesses(&change["lost"]),
    ]
}

#[test]
fn nothing_changes_where_only_words_change() {
    let (old, new) = (in_order(), in_order());
    new.append("policies/sano.cedar", "// A comment.\n");
    new.change_tenants(|table| {
        section(section(table, "tenants"), "sano").insert("name".into(), "Sano".into());
        section(table, "gateway").insert("listen".into(), "127.0.0.1:1".into());
    });
    let told = compared(&old, &new);
    assert_eq!(told["changes"], json!([]), "{told:#}");
    assert!(text(&old, &new).starts_with("nobody gains or loses anything\n"));
}

#[test]
fn attributes_conditions_roles_classes_and_sources_are_told_as_gains_and_losses() {
    let (old, new) = (in_order(), in_order());
    let sano = new.read("policies/sano.cedar");
    new.write(
        "policies/sano.cedar",
        sano.replace("@attributes(\"name,location\")", "@attributes(\"name,fullAddress\")"),
    );
    let told = compared(&old, &new);
    assert_eq!(
        shown(&told["changes"][0]),
        [
            "sano",
            "limited-app",
            "read",
            "EvacuationSite",
            "|fullAddress",
            "|location"
        ],
        "{told:#}"
    );
    assert_eq!(told["changes"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&told["compared"]["changedTenants"], &told["compared"]["tenants"]),
        (&1.into(), &4.into())
    );

    // The same attributes, under a condition: what is lost is what lies outside.
    let new = in_order();
    let narrowed = "@attributes(\"name,location\") @q(\"typeOfDisasterFlood==true\")";
    new.write(
        "policies/sano.cedar",
        sano.replace("@attributes(\"name,location\")", narrowed),
    );
    let change = compared(&old, &new)["changes"][0].clone();
    assert_eq!(
        shown(&change)[4..],
        ["".to_owned(), "|id location name".to_owned()],
        "{change:#}"
    );
    assert_eq!(
        change["lost"][0]["except"],
        json!([["entities with typeOfDisasterFlood==true"]]),
        "{change:#}"
    );
    assert!(text(&old, &new).contains("it keeps some of it, only entities with typeOfDisasterFlood==true"));

    // A role that a consumer loses takes everything with it, at every tenant.
    let new = in_order();
    new.change_tenants(|table| {
        let map = section(section(table, "consumers"), "bousai-map");
        map.insert("roles".into(), toml::Value::Array(Vec::new()));
    });
    let told = compared(&old, &new);
    for change in told["changes"].as_array().unwrap() {
        let [tenants, consumers, operations, types, gained, lost] = shown(change);
        // Readers may be told of these, too.
        let lost_operations = match types.as_str() {
            "EvacuationShelter" => "read subscribe",
            _ => "read",
        };
        assert_eq!(
            (consumers.as_str(), operations.as_str(), gained.as_str()),
            ("bousai-map", lost_operations, ""),
            "{tenants} {types}"
        );
        assert!(lost.contains("@open"), "{lost}");
    }
    let tenants: Vec<String> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| shown(change)[0].clone())
        .collect();
    assert!(
        tenants.join(" ").contains("sano") && tenants.join(" ").contains("yaita"),
        "{tenants:?}"
    );
    assert_eq!(told["compared"]["changedTenants"], 0);

    // A class that grows stricter.
    let new = in_order();
    let classes = new.read("policies/classification.toml");
    new.write(
        "policies/classification.toml",
        classes.replacen("[types.AED]\nclass = \"open\"", "[types.AED]\nclass = \"personal\"", 1),
    );
    let told = compared(&old, &new);
    let types: Vec<String> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| shown(change)[3].clone())
        .collect();
    assert!(
        !types.is_empty() && types.iter().all(|types| types == "AED"),
        "{told:#}"
    );

    // A source that goes.
    let new = in_order();
    new.change_tenants(|table| {
        section(section(table, "tenants"), "sano").remove("sources");
    });
    new.remove("policies/tests");
    let told = compared(&old, &new);
    assert!(!told["changes"].as_array().unwrap().is_empty());
    for change in told["changes"].as_array().unwrap() {
        assert_eq!(
            (shown(change)[0].as_str(), shown(change)[4].as_str()),
            ("sano", ""),
            "{change:#}"
        );
    }
    let finished = Finished::of(
        old.folder(),
        &[
            "diff",
            ".",
            &new.folder().display().to_string(),
            "--exit-code",
            "--tenant",
            "yaita",
        ],
    );
    assert_eq!(finished.code, Some(0), "nothing of Yaita's has changed: {finished:?}");
    let finished = Finished::of(
        old.folder(),
        &["diff", ".", &new.folder().display().to_string(), "--exit-code"],
    );
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn a_tenant_is_told_of_new_keys_of_those_who_may_read_and_of_where_its_data_lie() {
    let told = |change: &dyn Fn(&mut toml::Table)| {
        let (old, new) = (in_order(), in_order());
        new.change_tenants(change);
        let new = new.folder().display().to_string();
        Finished::of(old.folder(), &["diff", ".", &new, "--exit-code", "--tenant", "yaita"])
    };
    let finished = told(&|table| {
        let keys = super::harness::keys("another key");
        section(section(table, "consumers"), "bousai-map").insert("keys".into(), keys);
    });
    assert_eq!(finished.code, Some(1), "{finished:?}");
    // Yaita's data lie in the prefecture's store.
    let finished = told(&|table| {
        super::harness::change_source(table, "tochigi-store", |source| {
            source.insert("endpoint".into(), "sqlite:elsewhere/".into());
        });
    });
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let finished = told(&|table| {
        super::harness::change_source(table, super::harness::SANO, |source| {
            source.insert("endpoint".into(), "http://127.0.0.1:1".into());
        });
    });
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn two_thousand_tenants_are_compared_where_they_differ() {
    const TENANTS: usize = 2_000;
    let (old, new) = (in_order(), in_order());
    for files in [&old, &new] {
        let mut tenants = String::from("[tenants.pref]\nrole = \"operator\"\n");
        let mut consumers = String::new();
        files.remove("policies/tests");
        for tenant in ["sano", "yaita", "nasushiobara", "tochigi"] {
            files.remove(&format!("policies/{tenant}.cedar"));
        }
        files.write("policies/pref.cedar", "");
        for number in 0..TENANTS {
            let id = format!("city-{number}");
            write!(tenants, "[tenants.{id}]\n[[tenants.{id}.sources]]\nid = \"{id}-orion\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:1026\"\nfiware_service = \"city_{number}\"\nprovides = [{{ type = \"AED\" }}, {{ type = \"EvacuationSite\" }}]\n").unwrap();
            write!(
                consumers,
                "[consumers.app-{number}]\norganisation = \"apps\"\nroles = [\"reader\"]\n"
            )
            .unwrap();
            files.write(
                &format!("policies/{id}.cedar"),
                format!("permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"{id}\");\n"),
            );
        }
        files.write("tenants.toml", tenants + &consumers);
    }
    new.write(
        "policies/city-7.cedar",
        "@attributes(\"name\") permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"city-7\");\n",
    );
    let told = compared(&old, &new);
    assert_eq!(told["changes"].as_array().unwrap().len(), 2, "{told:#}");
    for change in told["changes"].as_array().unwrap() {
        assert_eq!(change["tenants"]["names"], json!(["city-7"]));
        assert_eq!(change["consumers"]["count"], TENANTS, "{change:#}");
        assert_eq!(change["consumers"]["names"].as_array().unwrap().len(), 100);
    }
    assert_eq!(
        (&told["compared"]["changedTenants"], &told["compared"]["tenants"]),
        (&1.into(), &(TENANTS + 1).into())
    );

    // What the operator forbids, it forbids at all of them, which is one change.
    new.write("policies/city-7.cedar", old.read("policies/city-7.cedar"));
    new.append(
        "policies/platform.cedar",
        "forbid (principal, action, resource) when { resource.name == \"AED\" };",
    );
    let told = compared(&old, &new);
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told["changes"][0]["tenants"]["count"], TENANTS);
    assert_eq!(told["changes"][0]["types"], json!(["AED"]));
}

#[tokio::test]
async fn administrators_compare_a_proposal_with_what_runs() {
    const DIFF: &str = "/admin/v1/diff";
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let forbid = |tenant: &str| format!("forbid (principal, action, resource in Tenant::\"{tenant}\");\n");
    let both = json!({ "files": { "policies/sano.cedar": forbid("sano"), "policies/yaita.cedar": forbid("yaita") } });
    let before = platform.admin("ops").get("/admin/v1/revision").await.ok().json();
    for administrator in ["ops", "auditor"] {
        let told = platform.admin(administrator).post(DIFF).json(&both).await.ok().json();
        let tenants: Vec<String> = told["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| shown(change)[0].clone())
            .collect();
        assert!(
            tenants.iter().any(|name| name == "sano") && tenants.iter().any(|name| name == "yaita"),
            "{told:#}"
        );
    }
    let sano = platform.admin("sano-admin");
    assert_eq!(sano.post(DIFF).json(&both).await.status, 403);
    let own = json!({ "files": { "policies/sano.cedar": forbid("sano") } });
    let told = sano.post(DIFF).json(&own).await.ok().json();
    let changes = told["changes"].as_array().unwrap();
    assert!(
        !changes.is_empty() && changes.iter().all(|change| shown(change)[0] == "sano"),
        "{told:#}"
    );
    assert!(told.get("compared").is_none(), "{told:#}");
    let wrong = json!({ "files": { "policies/sano.cedar": "permit (principal, action, resource);" } });
    let refused = sano.post(DIFF).json(&wrong).await;
    assert_eq!(refused.status, 422, "{refused}");
    assert!(
        refused.json()["diagnostics"].to_string().contains("sano.cedar"),
        "{refused}"
    );
    let ops = platform.admin("ops");
    for (body, status) in [
        (json!({}), 400),
        (json!({ "files": {}, "revision": "x" }), 400),
        (json!({ "revision": "0".repeat(64) }), 404),
        (json!({ "files": { "../x": "" } }), 403),
    ] {
        assert_eq!(ops.post(DIFF).json(&body).await.status, status, "{body}");
    }
    let revision = before["revision"].clone();
    let told = ops.post(DIFF).json(&json!({ "revision": revision })).await.ok().json();
    assert_eq!(
        (&told["old"], &told["new"], &told["changes"]),
        (&revision, &revision, &json!([]))
    );
    assert_eq!(
        ops.get("/admin/v1/revision").await.ok().json()["revision"],
        revision,
        "nothing is applied"
    );
}

/// The name of the file stays, and so does the beginning of GeoJSON: what is compared is the area.
#[tokio::test]
async fn an_area_that_is_enlarged_is_told_by_both_tools() {
    let square = |east: &str| {
        format!(
            r#"{{"type":"Polygon","coordinates":[[[139.0,36.0],[{east},36.0],[{east},36.1],[139.0,36.1],[139.0,36.0]]]}}"#
        )
    };
    let permit = "@area(\"areas/town.geojson\") permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"yaita\");\n";
    let (old, new) = (in_order(), in_order());
    for (files, east) in [(&old, "139.1"), (&new, "139.2")] {
        std::fs::create_dir_all(files.folder().join("policies/areas")).unwrap();
        files.write("policies/areas/town.geojson", square(east));
        files.write("policies/yaita.cedar", permit);
        files.remove("policies/tests");
    }
    let told = text(&old, &new);
    assert!(
        told.contains("area changed: areas/town.geojson, larger by 100 km²"),
        "{told}"
    );
    let (before, after) = (old.folder().display().to_string(), new.folder().display().to_string());
    let finished = Finished::of(old.folder(), &["diff", &before, &after, "--exit-code"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");

    let inline = |east: &str| {
        let policy = permit.replace("areas/town.geojson", &square(east).replace('"', "\\\""));
        json!({ "files": { "policies/yaita.cedar": policy } })
    };
    let platform = Platform::builder()
        .await
        .administrators()
        .policy("yaita.cedar", "")
        .start()
        .await;
    platform.files().remove("policies/tests");
    platform.files().write(
        "policies/yaita.cedar",
        inline("139.1")["files"]["policies/yaita.cedar"].as_str().unwrap(),
    );
    platform.gateway().hang_up();
    super::harness::until("the edit holds", || {
        platform.gateway().stderr().contains("a new revision holds")
    })
    .await;
    let ops = platform.admin("ops");
    let told = ops.post("/admin/v1/diff").json(&inline("139.2")).await.ok().json();
    assert!(told["changes"].to_string().contains("larger by 100 km²"), "{told:#}");
}

/// What decides without being a grant: where a source is, who is recognised, what inspection does, classes.
#[test]
fn what_else_decides_what_is_seen_is_told() {
    let old = in_order();
    let change = |edit: &dyn Fn(&Files)| {
        let new = in_order();
        edit(&new);
        let told = compared(&old, &new);
        let lines = told["otherwise"].as_array().unwrap().clone();
        lines
            .into_iter()
            .map(|line| line.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(change(&|_| {}), [""; 0]);
    let lines = change(&|files| {
        files.change_tenants(|table| {
            section(section(table, "tenants"), "sano").insert("inspection".into(), "report".into());
        });
    });
    assert!(
        lines.iter().any(|line| line.contains("tenants.sano.inspection.email")),
        "{lines:?}"
    );
    let lines = change(&|files| files.write("mappings/sano.toml", files.read("mappings/sano.toml") + "\n# words\n"));
    assert_eq!(lines, [""; 0], "a comment changes nothing");
    let lines = change(&|files| {
        files.change_tenants(|table| {
            super::harness::change_source(table, super::harness::ORION, |source| {
                source.insert("fiware_service".into(), "sano".into());
            });
        });
    });
    assert_eq!(
        lines,
        ["tenants.toml: tenants.nasushiobara.sources[nasushiobara-orion].fiware_service has changed"]
    );
}
