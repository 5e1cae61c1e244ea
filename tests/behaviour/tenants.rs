//! `NGSILD-Tenant`: that tenant's sources alone, and never another organisation's header.

use serde_json::json;

use super::harness::{Platform, change_source, nasushiobara_sites, planted, sano_sites, yaita_sites};

#[tokio::test]
//= 5.5.10-1
async fn a_tenant_shows_its_own_sites_only() {
    let platform = Platform::start().await;
    for (tenant, places) in [
        ("sano", sano_sites()),
        ("nasushiobara", nasushiobara_sites()),
        ("yaita", yaita_sites()),
        ("tochigi", planted()),
    ] {
        platform.forget_requests();
        let answer = platform
            .entities("type=EvacuationSite&limit=1000&count=true")
            .tenant(tenant)
            .await
            .ok();
        let mut ids = answer.ids();
        ids.sort();
        let mut expected: Vec<String> = places.iter().map(|place| place.id.clone()).collect();
        expected.sort();
        assert_eq!(ids, expected, "{tenant}");
        assert_eq!(answer.count(), expected.len());
        assert_eq!(answer.header("ngsild-tenant"), Some(tenant), "clause 6.3.14");
        assert_eq!(platform.asked_of_sano().is_empty(), tenant != "sano", "{tenant}");
        assert_eq!(
            platform.asked_of_orion().is_empty(),
            tenant != "nasushiobara",
            "{tenant}"
        );
        let by_id = platform.entity(&places[0].id).tenant(tenant).await.ok();
        assert_eq!(by_id.json()["id"], places[0].id.as_str());
    }
}

#[tokio::test]
async fn parts_of_other_tenants_stay_away() {
    let platform = Platform::start().await;
    let id = &planted()[0].id;
    let of_sano = platform.entity(id).tenant("sano").await.ok().json();
    assert!(of_sano.get("prefecturalNote").is_none(), "{of_sano}");
    let of_tochigi = platform.entity(id).tenant("tochigi").await.ok().json();
    assert!(
        of_tochigi["name"]["value"].as_str().unwrap().ends_with("（県登録名）"),
        "{of_tochigi}"
    );
    assert!(of_tochigi.get("commonId").is_none(), "{of_tochigi}");
    assert_eq!(platform.entity(&yaita_sites()[0].id).tenant("sano").await.status, 404);
}

#[tokio::test]
async fn an_unknown_tenant_is_404_and_nobody_is_asked() {
    let platform = Platform::start().await;
    for tenant in ["utsunomiya", "Sano", "sano;DROP", "", "../sano", "佐野"] {
        let answer = platform.entities("type=EvacuationSite").tenant(tenant).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (404, "NonexistentTenant"),
            "{tenant:?}: {answer}"
        );
    }
    assert_eq!(platform.asked().len(), 0);
    let twice = platform
        .entities("type=EvacuationSite")
        .tenant("sano")
        .tenant("yaita")
        .await;
    assert_eq!(twice.status, 400, "{twice}");
}

#[tokio::test]
async fn a_tenant_exists_for_whom_it_grants_nothing_but_what_nobody_has_classified() {
    let id = "urn:ngsi-ld:Benchmark:1";
    let stone = json!({ "id": id, "type": "https://example.org/Benchmark" });
    let platform = Platform::builder()
        .await
        .tenants(|table| {
            change_source(table, "tochigi-store", |source| {
                source.insert("personal_data".into(), "none".into());
            });
        })
        .consumer("surveyor")
        .policy(
            "yaita.cedar",
            "permit (principal == Consumer::\"surveyor\", action, resource in Tenant::\"yaita\") when { resource.class == \
             Class::\"unclassified\" };",
        )
        .store("yaita", json!([stone]).to_string())
        .start()
        .await;
    let found = platform.entity(id).by("surveyor").tenant("yaita").await.ok();
    assert_eq!(found.json(), stone);
    let elsewhere = platform.entity(id).by("surveyor").tenant("sano").await;
    assert_eq!(elsewhere.error_type(), "NonexistentTenant", "{elsewhere}");
}

#[tokio::test]
//= 4.3.6.4-2
async fn sources_see_their_own_names_never_the_callers() {
    let platform = Platform::start().await;
    let answer = platform
        .entities("type=EvacuationSite&limit=1")
        .tenant("nasushiobara")
        .header("fiware-service", "sano")
        .header("fiware-servicepath", "/residents")
        .await;
    assert_eq!(answer.ok().ids().len(), 1);
    for request in platform.asked_of_orion() {
        assert_eq!(request.header("fiware-service"), Some("nasushiobara"));
        assert_eq!(request.header("fiware-servicepath"), Some("/#"));
        assert_eq!(request.header("ngsild-tenant"), None);
        assert_eq!(request.headers.get_all("fiware-service").iter().count(), 1);
    }
}

#[tokio::test]
//= 6.3.18-1, 6.3.18-2
async fn local_means_the_store() {
    let platform = Platform::start().await;
    for query in [
        "type=EvacuationSite&local=true",
        "type=*&local=true&q=typeOfDisasterFlood|prefecturalNote",
    ] {
        let answer = platform
            .entities(format!("{}&count=true", query.replace('|', "%7C")))
            .await
            .ok();
        // The prefecture's copies of Sano's sites only add to what Sano says, and Sano is not asked.
        assert_eq!(answer.count(), 25, "{query}");
    }
    assert_eq!(platform.asked().len(), 0, "the store needs nobody");
}
