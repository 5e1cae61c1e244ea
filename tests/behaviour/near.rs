//! Distance and area, checked against a formula of the test's own on the published coordinates.

use super::harness::{Place, Platform, encoded, nasushiobara_sites, sano_sites, yaita_sites};

/// Mean radius of the earth in metres (IUGG).
const EARTH: f64 = 6_371_008.8;

/// Sphere and ellipsoid differ by up to half a percent; thresholds keep clear of every site by more.
const CLEARANCE: f64 = 0.006;

fn all_sites() -> Vec<Place> {
    [sano_sites(), nasushiobara_sites(), yaita_sites()].concat()
}

/// The haversine formula, in metres.
fn distance(longitude: f64, latitude: f64, place: &Place) -> f64 {
    let (from, to) = (latitude.to_radians(), place.latitude.to_radians());
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let a = half(to - from) + from.cos() * to.cos() * half((place.longitude - longitude).to_radians());
    2.0 * EARTH * a.sqrt().asin()
}

/// Thresholds in whole metres with no site close to them, near the wanted ones.
fn clear_thresholds(longitude: f64, latitude: f64) -> Vec<u32> {
    let distances: Vec<f64> = all_sites()
        .iter()
        .map(|place| distance(longitude, latitude, place))
        .collect();
    let clear = |metres: &u32| {
        distances
            .iter()
            .all(|distance| (distance / f64::from(*metres) - 1.0).abs() > CLEARANCE)
    };
    let wanted = [1_000, 3_000, 8_000, 30_000, 100_000];
    wanted
        .into_iter()
        .map(|metres| (metres..).step_by(7).find(clear).unwrap())
        .collect()
}

fn expected(holds: impl Fn(&Place) -> bool) -> Vec<String> {
    let mut ids: Vec<String> = all_sites().into_iter().filter(holds).map(|place| place.id).collect();
    ids.sort();
    ids
}

async fn found(platform: &Platform, georel: &str, geometry: &str, coordinates: &str) -> Vec<String> {
    let parameters = [
        ("type", "EvacuationSite"),
        ("georel", georel),
        ("geometry", geometry),
        ("coordinates", coordinates),
        ("limit", "1000"),
        ("count", "true"),
    ];
    let answer = platform.query(&parameters).await.ok();
    let mut ids = answer.ids();
    assert_eq!(answer.count(), ids.len());
    ids.sort();
    ids
}

#[tokio::test]
async fn near_finds_what_is_near_at_every_source() {
    let platform = Platform::start().await;
    // Sano City Hall, Nasushiobara Station, Yaita Station, and a place between them all.
    for (longitude, latitude) in [
        (139.5784, 36.3146),
        (140.0170, 36.9310),
        (139.9330, 36.8070),
        (139.8, 36.6),
    ] {
        for metres in clear_thresholds(longitude, latitude) {
            let limit = f64::from(metres);
            let coordinates = format!("[{longitude},{latitude}]");
            let within = expected(|place| distance(longitude, latitude, place) <= limit);
            assert_eq!(
                found(&platform, &format!("near;maxDistance=={metres}"), "Point", &coordinates).await,
                within,
                "{coordinates} {metres}"
            );
            let beyond = expected(|place| distance(longitude, latitude, place) >= limit);
            assert_eq!(
                found(&platform, &format!("near;minDistance=={metres}"), "Point", &coordinates).await,
                beyond,
                "{coordinates} {metres}"
            );
        }
    }
}

#[tokio::test]
async fn near_and_a_condition_hold_together() {
    let platform = Platform::start().await;
    let (longitude, latitude) = (139.5784, 36.3146);
    let metres = clear_thresholds(longitude, latitude)[2];
    let query = format!(
        "type=EvacuationSite&limit=1000&count=true&georel=near;maxDistance=={metres}&geometry=Point&coordinates=%5B{longitude},{latitude}%5D&q={}",
        encoded("name~=\".*小学校.*\"")
    );
    let mut ids = platform.entities(query).await.ok().ids();
    ids.sort();
    let wanted =
        expected(|place| place.name.contains("小学校") && distance(longitude, latitude, place) <= f64::from(metres));
    assert!(!wanted.is_empty());
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn areas_hold_what_lies_in_them() {
    let platform = Platform::start().await;
    for (west, south, east, north) in [
        (139.4, 36.2, 139.65, 36.4),
        (139.9, 36.75, 140.1, 37.0),
        (139.0, 36.0, 140.5, 37.5),
        (139.7, 36.5, 139.71, 36.51),
    ] {
        let inside =
            expected(|place| (west..=east).contains(&place.longitude) && (south..=north).contains(&place.latitude));
        let ring = format!("[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]");
        assert_eq!(found(&platform, "within", "Polygon", &ring).await, inside, "{ring}");
        assert_eq!(found(&platform, "intersects", "Polygon", &ring).await, inside, "{ring}");
        let outside = expected(|place| !inside.contains(&place.id));
        assert_eq!(found(&platform, "disjoint", "Polygon", &ring).await, outside, "{ring}");
    }
}

#[tokio::test]
async fn a_place_equals_itself() {
    let platform = Platform::start().await;
    for place in [&sano_sites()[10], &yaita_sites()[10]] {
        let coordinates = format!("[{},{}]", place.longitude, place.latitude);
        assert_eq!(
            found(&platform, "equals", "Point", &coordinates).await,
            expected(|other| (other.longitude, other.latitude) == (place.longitude, place.latitude))
        );
    }
}

#[tokio::test]
async fn other_spellings_of_clients_mean_the_same() {
    let platform = Platform::start().await;
    let whole = "type=EvacuationSite&limit=1000&georel=near%3BmaxDistance%3D%3D3000&geometry=Point";
    let standard = platform
        .entities(format!("{whole}&coordinates=%5B139.5784%2C36.3146%5D"))
        .await
        .ok();
    let short = platform
        .entities(format!("{whole}&coords=%5B139.5784%2C36.3146%5D"))
        .await
        .ok();
    let named = platform
        .entities(format!(
            "{whole}&coordinates=%5B139.5784%2C36.3146%5D&geoproperty=location"
        ))
        .await
        .ok();
    let place = "geometry=Point&coordinates=[139.5784,36.3146]";
    for (name, value) in [
        ("geoQ", format!("georel=near;maxDistance==3000&{place}")),
        (
            "geoQ",
            format!("near;maxDistance==3000&{}", place.replace("coordinates", "coords")),
        ),
        (
            "geoQ",
            r#"{"georel":"near;maxDistance==3000","geometry":"Point","coordinates":[139.5784,36.3146]}"#.to_owned(),
        ),
    ] {
        let whole = [("type", "EvacuationSite"), ("limit", "1000"), (name, value.as_str())];
        assert_eq!(platform.query(&whole).await.ok().ids(), standard.ids(), "{value}");
    }
    // As it stands, without any encoding.
    let plain = format!("type=EvacuationSite&limit=1000&geoQ=georel=near;maxDistance==3000&{place}");
    assert_eq!(platform.entities(plain).await.ok().ids(), standard.ids());
    assert!(!standard.ids().is_empty());
    assert_eq!((short.ids(), named.ids()), (standard.ids(), standard.ids()));
}

#[tokio::test]
async fn one_source_alone_counts_what_is_near() {
    let platform = Platform::start().await;
    for (tenant, places, (longitude, latitude)) in [
        ("nasushiobara", nasushiobara_sites(), (139.97, 36.9)),
        ("sano", sano_sites(), (139.5784, 36.3146)),
        ("yaita", yaita_sites(), (139.933, 36.807)),
    ] {
        for metres in clear_thresholds(longitude, latitude) {
            let near = |place: &&Place| distance(longitude, latitude, place) <= f64::from(metres);
            let query = format!(
                "type=EvacuationSite&count=true&limit=1&georel=near;maxDistance=={metres}&geometry=Point&coordinates=%5B{longitude},{latitude}%5D"
            );
            let answer = platform.entities(query).tenant(tenant).await.ok();
            assert_eq!(answer.count(), places.iter().filter(near).count(), "{tenant} {metres}");
        }
    }
}
