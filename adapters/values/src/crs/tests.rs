use proptest::prelude::*;

use super::*;

/// (code, easting, northing, longitude, latitude): computed by PROJ 9.5.1 from the degrees of the same datum.
const OF_PROJ: [(u32, f64, f64, f64, f64); 24] = [
    (6669, 49686.9310, -32034.1419, 130.03, 32.71),
    (6670, -56762.0831, 41197.9701, 130.39, 33.37),
    (6671, 47956.5516, -32044.6478, 132.696667, 35.71),
    (6672, -56762.0831, 41197.9701, 132.89, 33.37),
    (6673, 47956.4913, -32044.6482, 134.863333, 35.71),
    (6674, -54736.6217, 41224.7849, 135.39, 36.37),
    (6675, 47956.5516, -32044.6478, 137.696667, 35.71),
    (6676, -54736.6217, 41224.7849, 137.89, 36.37),
    (6677, 47956.4913, -32044.6482, 140.363333, 35.71),
    (6678, -51803.0231, 41258.6419, 140.223333, 40.37),
    (6679, 42711.5449, -32081.9991, 140.78, 43.71),
    (6680, -48615.8651, 41289.7307, 141.64, 44.37),
    (6681, 42711.5449, -32081.9991, 144.78, 43.71),
    (6682, -60873.8365, 41132.4444, 141.39, 26.37),
    (6683, 53187.1493, -32017.9430, 128.03, 25.71),
    (6684, -60873.8365, 41132.4444, 123.39, 26.37),
    (6685, 53187.1493, -32017.9430, 131.53, 25.71),
    (6686, -63678.7961, 41075.3443, 135.39, 20.37),
    (6687, 53187.1493, -32017.9430, 154.53, 25.71),
    (2451, -23152.2581, 34924.8844, 139.5755, 36.3145),
    (6691, 372120.9313, 4019773.5651, 139.5755, 36.3145),
    (3100, 372120.9313, 4019773.5651, 139.5755, 36.3145),
    (32654, 372120.9313, 4019773.5652, 139.5755, 36.3145),
    (3857, 15537473.5872, 4343982.8261, 139.5755, 36.3145),
];

/// Some 0.2 mm.
const CLOSE: f64 = 2e-9;

#[test]
fn every_plane_is_where_proj_has_it() {
    for (epsg, easting, northing, longitude, latitude) in OF_PROJ {
        let found = Crs::of_epsg(epsg).unwrap().position(easting, northing, None).unwrap();
        let error = (found.longitude - longitude)
            .abs()
            .max((found.latitude - latitude).abs());
        assert!(error < CLOSE, "EPSG:{epsg}: {found:?}");
    }
}

#[test]
fn the_origin_of_japans_coordinates_is_where_the_law_has_it() {
    // 測量法施行令第二条: the stone in Azabudai, in the old system, and since 2002.
    let degrees = |degrees: f64, minutes: f64, seconds: f64| degrees + minutes / 60.0 + seconds / 3600.0;
    let tokyo = Crs::of_epsg(4301).unwrap();
    let found = tokyo
        .position(degrees(139.0, 44.0, 40.502), degrees(35.0, 39.0, 17.5148), Some(26.5))
        .unwrap();
    let (longitude, latitude) = (degrees(139.0, 44.0, 28.8759), degrees(35.0, 39.0, 29.1572));
    let metres_north = (found.latitude - latitude) * 111_000.0;
    let metres_east = (found.longitude - longitude) * 111_000.0 * latitude.to_radians().cos();
    assert!(
        metres_north.hypot(metres_east) < 2.0 && tokyo.accuracy() >= 2.0,
        "{found:?}"
    );
    assert_eq!(found.altitude, Some(26.5));
    // Taken for WGS84 it is 450 metres away.
    assert!((found.latitude - degrees(35.0, 39.0, 17.5148)).abs() > 0.003);
}

#[test]
fn degrees_of_todays_systems_stay_as_they_are_written() {
    for epsg in [4326, 4979, 6668, 6667, 4612] {
        let crs = Crs::of_epsg(epsg).unwrap();
        let found = crs.position(139.605_426, 36.407_608, None).unwrap();
        assert_eq!((found.longitude, found.latitude), (139.605_426, 36.407_608));
        assert!(!crs.is_plane() && crs.accuracy() >= 1.0);
    }
}

#[test]
fn what_is_not_there_is_told() {
    let wgs84 = Crs::wgs84();
    assert_eq!(wgs84.position(36.4, 139.6, None), Err(Unread::Swapped));
    assert_eq!(wgs84.position(239.6, 36.4, None), Err(Unread::ImpossiblePosition));
    assert_eq!(wgs84.position(f64::NAN, 36.4, None), Err(Unread::ImpossiblePosition));
    let plane = Crs::of_epsg(6677).unwrap();
    assert_eq!(
        plane.position(-23_152.0, f64::INFINITY, None),
        Err(Unread::ImpossiblePosition)
    );
    assert_eq!(
        plane.position(15_537_473.0, 4_343_982.0, None),
        Err(Unread::ImpossiblePosition)
    );
}

#[test]
fn an_unknown_system_is_refused_by_name() {
    for code in [0, 2442, 2462, 6687 + 6, 4269, 30180, u32::MAX] {
        assert_eq!(Crs::of_epsg(code), Err(UnknownCrs::Code(code)));
    }
    for (name, epsg) in [
        ("urn:ogc:def:crs:EPSG::6668", 6668),
        ("urn:ogc:def:crs:EPSG:9.9:4612", 4612),
        ("EPSG:4301", 4301),
        ("epsg:6677", 6677),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326),
        ("http://www.opengis.net/def/crs/EPSG/0/6668", 6668),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", 4326),
    ] {
        assert_eq!(of_name(name).map(|crs| crs.epsg()), Ok(epsg), "{name}");
    }
    for name in [
        "urn:ogc:def:crs:EPSG::4269",
        "EPSG",
        "",
        "6668",
        "urn:ogc:def:crs:ESRI::102100",
    ] {
        let told = of_name(name).unwrap_err();
        assert_eq!(told, UnknownCrs::Name(name.into()), "{name}");
    }
}

const GEOGRAPHIC: &str = r#"GEOGCS["GCS_JGD_2011",DATUM["D_JGD_2011",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;

fn of_esri(name: &str, datum: &str, meridian: &str, latitude: &str, scale: &str, easting: &str) -> String {
    let geographic = GEOGRAPHIC.replace("JGD_2011", datum);
    format!(
        r#"PROJCS["{name}",{geographic},PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",{easting}],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",{meridian}],PARAMETER["Scale_Factor",{scale}],PARAMETER["Latitude_Of_Origin",{latitude}],UNIT["Meter",1.0]]"#
    )
}

#[test]
fn the_prj_of_a_shapefile_is_obeyed() {
    let ogc = r#"PROJCS["JGD2011 / Japan Plane Rectangular CS IX", GEOGCS["JGD2011",
        DATUM["Japanese_Geodetic_Datum_2011", SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],
        AUTHORITY["EPSG","1128"]], PRIMEM["Greenwich",0], UNIT["degree",0.0174532925199433], AUTHORITY["EPSG","6668"]],
        PROJECTION["Transverse_Mercator"], PARAMETER["latitude_of_origin",36],
        PARAMETER["central_meridian",139.833333333333], PARAMETER["scale_factor",0.9999], PARAMETER["false_easting",0],
        PARAMETER["false_northing",0], UNIT["metre",1], AXIS["X",NORTH], AXIS["Y",EAST], AUTHORITY["EPSG","6677"]]"#;
    let web = r#"PROJCS["WGS_1984_Web_Mercator_Auxiliary_Sphere",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Mercator_Auxiliary_Sphere"],PARAMETER["False_Easting",0.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",0.0],PARAMETER["Standard_Parallel_1",0.0],PARAMETER["Auxiliary_Sphere_Type",0.0],UNIT["Meter",1.0]]"#;
    for (text, epsg) in [
        (GEOGRAPHIC.to_owned(), 6668),
        (GEOGRAPHIC.replace("JGD_2011", "JGD_2000"), 4612),
        (GEOGRAPHIC.replace("JGD_2011", "Tokyo"), 4301),
        (GEOGRAPHIC.replace("D_JGD_2011", "D_WGS_1984"), 4326),
        (format!("\u{FEFF}{GEOGRAPHIC}\r\n"), 6668),
        (
            of_esri(
                "JGD_2011_Japan_Zone_9",
                "JGD_2011",
                "139.8333333333333",
                "36.0",
                "0.9999",
                "0.0",
            ),
            6677,
        ),
        (
            of_esri("JGD_2000_Japan_Zone_1", "JGD_2000", "129.5", "33.0", "0.9999", "0.0"),
            2443,
        ),
        (
            of_esri("Japan_Zone_9", "Tokyo", "139.8333333333333", "36.0", "0.9999", "0.0"),
            30169,
        ),
        (
            of_esri(
                "JGD_2011_UTM_Zone_54N",
                "JGD_2011",
                "141.0",
                "0.0",
                "0.9996",
                "500000.0",
            ),
            6691,
        ),
        (ogc.to_owned(), 6677),
        (web.to_owned(), 3857),
    ] {
        assert_eq!(of_prj(&text).map(|crs| crs.epsg()), Ok(epsg), "{text}");
    }
}

#[test]
fn a_prj_that_says_something_else_is_refused() {
    for text in [
        GEOGRAPHIC.replace("D_JGD_2011", "D_North_American_1983"),
        GEOGRAPHIC.replace("\"Greenwich\",0.0", "\"Paris\",2.337"),
        // Its name says zone 9; it is computed with another meridian.
        of_esri("JGD_2011_Japan_Zone_9", "JGD_2011", "139.5", "36.0", "0.9999", "0.0"),
        of_esri(
            "JGD_2011_Japan_Zone_9",
            "JGD_2011",
            "139.8333333333333",
            "36.0",
            "0.9999",
            "0.0",
        )
        .replace("\"Meter\",1.0", "\"Foot_US\",0.3048"),
    ] {
        assert!(matches!(of_prj(&text), Err(UnknownCrs::Name(_))), "{text}");
    }
    let deep = "GEOGCS[".repeat(1_000);
    let long = format!("GEOGCS[\"{}\"]", "a".repeat(prj_longest()));
    for text in [
        "",
        "<html></html>",
        "GEOGCS",
        "GEOGCS[",
        "GEOGCS[]",
        "VERT_CS[\"x\"]",
        &deep,
        &long,
    ] {
        assert_eq!(of_prj(text), Err(UnknownCrs::NoDescription));
    }
}

const fn prj_longest() -> usize {
    super::prj::LONGEST
}

proptest! {
    #[test]
    fn there_and_back_is_the_same_place(zone in 0u32..19, east in -150_000f64..150_000.0, north in -300_000f64..300_000.0) {
        let crs = Crs::of_epsg(6669 + zone).unwrap();
        let place = crs.position(east, north, None).unwrap();
        let (plane, wgs84) = crs.from.as_deref().unwrap();
        let mut point = (place.longitude.to_radians(), place.latitude.to_radians(), 0.0);
        proj4rs::transform::transform(wgs84, plane, &mut point).unwrap();
        // A tenth of a millimetre is what the degrees are rounded to.
        prop_assert!((point.0 - east).abs() < 1e-3 && (point.1 - north).abs() < 1e-3, "{point:?}");
    }

    #[test]
    fn no_number_or_text_is_too_odd(
        code in prop::sample::select(vec![4326u32, 4301, 6677, 30161, 32651, 3857]),
        x in any::<f64>(),
        y in any::<f64>(),
        text in "(GEOGCS|PROJCS|DATUM)?[\\[\\]\",A-Z0-9.]{0,40}",
    ) {
        if let Ok(place) = Crs::of_epsg(code).unwrap().position(x, y, None) {
            prop_assert!((-180.0..=180.0).contains(&place.longitude) && (-90.0..=90.0).contains(&place.latitude));
        }
        let _ = (of_prj(&text), of_name(&text));
    }
}
