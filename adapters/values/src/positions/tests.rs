use ngsi_ld::entity::Geometry;
use proptest::prelude::*;

use super::*;

fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn an_angle_is_read_in_every_writing() {
    let expected = 36.0 + 23.0 / 60.0 + 10.5 / 3600.0;
    for text in [
        "36°23′10.5″",
        "36度23分10.5秒",
        "３６度２３分１０．５秒",
        "36-23-10.5",
        "36:23:10.5",
        "36 23 10.5",
        "36.23.10.5",
        "N36.23.10.5",
        "N36°23'10.5\"",
        "36°23'10.5''N",
        "36° 23′ 10.5″ N",
        "北緯36度23分10.5秒",
        "北緯３６°２３’１０．５”",
        "36°23.175′",
        "36º23’10.5",
    ] {
        assert!(is_close(angle(text).unwrap(), expected), "{text}: {:?}", angle(text));
    }
    for (text, degrees) in [
        ("36.3145", 36.3145),
        ("-36.5", -36.5),
        ("36.5S", -36.5),
        ("南緯36.5度", -36.5),
        ("西経10度30分", -10.5),
        ("東経139度", 139.0),
        ("36°", 36.0),
        (" +36.5 ", 36.5),
        ("0°0′1″", 1.0 / 3600.0),
    ] {
        assert!(is_close(angle(text).unwrap(), degrees), "{text}: {:?}", angle(text));
    }
    for (text, reason) in [
        ("36°60′0″", Unread::NoSuchAngle),
        ("36-23-70", Unread::NoSuchAngle),
        ("36.5°23′", Unread::NoPosition),
        ("36-23", Unread::NoPosition),
        ("-36.5S", Unread::NoPosition),
        ("", Unread::NoPosition),
        ("北緯", Unread::NoPosition),
        ("36°23′10″5", Unread::NoPosition),
        ("1e2", Unread::NoPosition),
        ("NaN", Unread::NoPosition),
        ("inf", Unread::NoPosition),
        ("佐野市", Unread::NoPosition),
    ] {
        assert_eq!(angle(text), Err(reason), "{text}");
    }
    assert_eq!(angle(&"1".repeat(LONGEST + 1)), Err(Unread::TooLong));
}

#[test]
fn both_are_read_from_one_text() {
    let wgs84 = Crs::wgs84();
    for text in [
        "36.5,139.5",
        "36.5, 139.5",
        "36.5 139.5",
        "36.5、139.5",
        "３６．５，１３９．５",
        "(36.5, 139.5)",
        "36°30′0″N 139°30′0″E",
        "36°30′0″N,139°30′0″E",
        "N36.30.0 E139.30.0",
        "N36.30.0E139.30.0",
        "E139.30.0,N36.30.0",
        "北緯36度30分 東経139度30分",
        "東経139度30分、北緯36度30分",
        "36-30-0/139-30-0",
    ] {
        let found = both(text, Order::LatitudeFirst, &wgs84).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(
            is_close(found.latitude, 36.5) && is_close(found.longitude, 139.5),
            "{text}: {found:?}"
        );
    }
    let found = both("139.5,36.5,25.5", Order::LongitudeFirst, &wgs84).unwrap();
    assert_eq!(
        (found.longitude, found.latitude, found.altitude),
        (139.5, 36.5, Some(25.5))
    );
    // X of the plane systems is to the north.
    let plane = both(
        "34924.8844,-23152.2581",
        Order::LatitudeFirst,
        &Crs::of_epsg(6677).unwrap(),
    )
    .unwrap();
    assert!(
        is_close(plane.longitude, 139.5755) && is_close(plane.latitude, 36.3145),
        "{plane:?}"
    );
    for (text, reason) in [
        ("139.5,36.5", Unread::Swapped),
        ("36.5,239.5", Unread::ImpossiblePosition),
        ("36.5", Unread::NoPosition),
        ("36.5,139.5,1,2", Unread::NoPosition),
        ("N36.5,N139.5", Unread::NoPosition),
        ("", Unread::NoPosition),
        (",", Unread::NoPosition),
        ("E139.5", Unread::NoPosition),
    ] {
        assert_eq!(both(text, Order::LatitudeFirst, &wgs84), Err(reason), "{text}");
    }
}

#[test]
fn wkt_is_read() {
    let wgs84 = Crs::wgs84();
    for (text, json) in [
        ("POINT (139.5 36.5)", r#"{"type":"Point","coordinates":[139.5,36.5]}"#),
        ("point(139.5 36.5)", r#"{"type":"Point","coordinates":[139.5,36.5]}"#),
        (
            "POINT Z (139.5 36.5 25)",
            r#"{"type":"Point","coordinates":[139.5,36.5,25]}"#,
        ),
        (
            "POINTZ(139.5 36.5 25)",
            r#"{"type":"Point","coordinates":[139.5,36.5,25]}"#,
        ),
        (
            "POINT M (139.5 36.5 25)",
            r#"{"type":"Point","coordinates":[139.5,36.5]}"#,
        ),
        (
            "SRID=4326;POINT (139.5 36.5)",
            r#"{"type":"Point","coordinates":[139.5,36.5]}"#,
        ),
        (
            "LINESTRING (1 2, 3 4)",
            r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#,
        ),
        (
            "MULTIPOINT (1 2, 3 4)",
            r#"{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}"#,
        ),
        (
            "MULTIPOINT ((1 2), (3 4))",
            r#"{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}"#,
        ),
        (
            "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))",
            r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]}"#,
        ),
        (
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)))",
            r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[4,0],[4,4],[0,0]]]]}"#,
        ),
    ] {
        assert_eq!(wkt(text, &wgs84), Ok(Geometry::parse(json).unwrap()), "{text}");
    }
    for (text, reason) in [
        ("POINT (36.5 139.5)", Unread::Swapped),
        ("POINT (1)", Unread::NoPosition),
        ("POINT EMPTY", Unread::NoPosition),
        ("POINT (1 2", Unread::NoPosition),
        ("POINT (1 2))", Unread::NoPosition),
        ("POINT ((1 2))", Unread::NoPosition),
        ("POINT (1 2, 3 4)", Unread::NoPosition),
        ("POINT (1 NaN)", Unread::NoPosition),
        ("LINESTRING (1 2)", Unread::NoPosition),
        ("POLYGON (1 2, 3 4)", Unread::NoPosition),
        ("GEOMETRYCOLLECTION (POINT (1 2))", Unread::NoPosition),
        ("SRID=4269;POINT (1 2)", Unread::NoPosition),
        ("市役所(1 2)", Unread::NoPosition),
        ("", Unread::NoPosition),
    ] {
        assert_eq!(wkt(text, &wgs84), Err(reason), "{text}");
    }
}

#[test]
fn a_geometry_of_another_system_is_one_of_the_view() {
    let plane = Crs::of_epsg(6677).unwrap();
    let json = r#"{"type":"LineString","coordinates":[[-23152.2581,34924.8844,25.0],[0,0,26.5]]}"#;
    let Ok(Geometry::LineString(line)) = geometry(json, &plane) else {
        panic!("no line");
    };
    assert!(is_close(line[0].longitude, 139.5755) && is_close(line[0].latitude, 36.3145));
    assert!(is_close(line[1].latitude, 36.0) && (line[1].longitude - 139.833_333_333).abs() < 1e-8);
    assert_eq!((line[0].altitude, line[1].altitude), (Some(25.0), Some(26.5)));
    for json in [
        r#"{"type":"Point","coordinates":[1]}"#,
        r#"{"type":"Point","coordinates":"1,2"}"#,
        r#"{"type":"Point"}"#,
        r#"{"type":"Circle","coordinates":[1,2]}"#,
        "null",
        "",
    ] {
        assert_eq!(geometry(json, &plane), Err(Unread::NoPosition), "{json}");
    }
}

proptest! {
    #[test]
    fn an_angle_is_read_back_from_degrees_minutes_and_seconds(degrees in 0u32..180, minutes in 0u32..60, hundredths in 0u32..6000) {
        let seconds = f64::from(hundredths) / 100.0;
        let expected = f64::from(degrees) + f64::from(minutes) / 60.0 + seconds / 3600.0;
        for text in [
            format!("{degrees}°{minutes}′{seconds}″"),
            format!("{degrees}度{minutes:02}分{seconds:.2}秒"),
            format!("{degrees}-{minutes}-{seconds:.2}"),
            format!("E{degrees}.{minutes}.{seconds:.2}"),
            format!("{expected}"),
        ] {
            prop_assert!(is_close(angle(&text).unwrap(), expected), "{text}");
        }
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>(), close in "(POINT|POLYGON|N|北緯)?[0-9 .,()°′″度分秒ENSW-]{0,40}") {
        let crs = Crs::of_epsg(6677).unwrap();
        for text in [text, close] {
            let _ = (angle(&text), wkt(&text, &crs), geometry(&text, &crs));
            for order in [Order::LatitudeFirst, Order::LongitudeFirst] {
                if let Ok(place) = both(&text, order, &Crs::wgs84()) {
                    prop_assert!(place.longitude.abs() <= 180.0 && place.latitude.abs() <= 90.0);
                }
            }
        }
    }
}
