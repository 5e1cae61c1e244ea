//! Shapefiles as authorities publish them come back as Features in WGS84.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)] // a test that cannot go on has failed

mod archive;

use archive::zip;
use kakehashi_formats::shapefile::{Converter, features, layers};
use kakehashi_formats::{FormatError, Limits, Report, What};
use serde_json::{Value, json};

fn shp(records: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0, 0, 0x27, 0x0A];
    file.resize(100, 0);
    for (number, record) in (1_u32..).zip(records) {
        file.extend(number.to_be_bytes());
        file.extend((record.len() as u32 / 2).to_be_bytes());
        file.extend(record);
    }
    file
}

fn point(x: f64, y: f64) -> Vec<u8> {
    let mut record = 1_u32.to_le_bytes().to_vec();
    record.extend(x.to_le_bytes());
    record.extend(y.to_le_bytes());
    record
}

fn polygon(rings: &[&[(f64, f64)]]) -> Vec<u8> {
    let mut record = 5_u32.to_le_bytes().to_vec();
    record.resize(36, 0);
    record.extend((rings.len() as u32).to_le_bytes());
    record.extend((rings.iter().map(|ring| ring.len()).sum::<usize>() as u32).to_le_bytes());
    let mut start = 0_u32;
    for ring in rings {
        record.extend(start.to_le_bytes());
        start += ring.len() as u32;
    }
    for (x, y) in rings.iter().copied().flatten() {
        record.extend(x.to_le_bytes());
        record.extend(y.to_le_bytes());
    }
    record
}

/// A .dbf of a text (CP932) and a number.
fn dbf(records: &[(&str, &str)]) -> Vec<u8> {
    let cp932 = |text: &str| encoding_rs::SHIFT_JIS.encode(text).0.into_owned();
    let mut file = vec![3, 126, 11, 29];
    file.extend((records.len() as u32).to_le_bytes());
    file.extend((32 + 2 * 32 + 1_u16).to_le_bytes());
    file.extend((1 + 20 + 8_u16).to_le_bytes());
    file.resize(32, 0);
    for (name, kind, length) in [("施設名称", b'C', 20_u8), ("収容人数", b'N', 8)] {
        let mut field = cp932(name);
        field.resize(11, 0);
        field.push(kind);
        field.resize(16, 0);
        field.push(length);
        field.resize(32, 0);
        file.extend(field);
    }
    file.push(0x0D);
    for (name, number) in records {
        file.push(b' ');
        let mut name = cp932(name);
        name.resize(20, b' ');
        file.extend(name);
        file.extend(format!("{number:>8}").as_bytes());
    }
    file
}

fn degrees(prj: &str) -> Result<Converter, String> {
    match prj {
        "GEOGCS" => Ok(Box::new(|x, y| Some((x, y)))),
        "PLANE" => Ok(Box::new(|x, y| Some((139.0 + x / 100_000.0, 36.0 + y / 100_000.0)))),
        other => Err(format!("the reference system `{other}` is not known")),
    }
}

fn read(archive: &[u8], layer: Option<&str>, report: &mut Report) -> Result<Vec<Value>, FormatError> {
    let text = features(archive, layer, &degrees, &Limits::default(), report)?;
    Ok(serde_json::from_str::<Value>(&text).unwrap()["features"]
        .as_array()
        .unwrap()
        .clone())
}

#[test]
fn points_with_names_in_cp932_come_back() {
    let shp = shp(&[point(50_000.0, 25_000.0), 0_u32.to_le_bytes().to_vec()]);
    let name = encoding_rs::SHIFT_JIS.encode("避難所").0.into_owned();
    let file = |end: &[u8]| [name.as_slice(), end].concat();
    let dbf = dbf(&[("第一小学校", "120"), ("公民館", "")]);
    let archive = zip(&[
        (&file(b".shp"), &shp),
        (&file(b".dbf"), &dbf),
        (&file(b".prj"), b"PLANE"),
    ]);
    assert_eq!(layers(&archive, &Limits::default()).unwrap(), ["避難所"]);
    let mut report = Report::default();
    let features = read(&archive, None, &mut report).unwrap();
    assert_eq!(
        features[0]["properties"],
        json!({"施設名称": "第一小学校", "収容人数": 120})
    );
    assert_eq!(
        features[0]["geometry"],
        json!({"type": "Point", "coordinates": [139.5, 36.25]})
    );
    assert_eq!(
        (&features[1]["geometry"], &features[1]["properties"]["収容人数"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (report.count(What::NoPlace), report.count(What::NoReferenceSystem)),
        (1, 0)
    );
}

#[test]
fn rings_become_polygons_with_their_holes_turned_as_geojson_wants_them() {
    let shape = polygon(&[
        &[
            (139.0, 36.0),
            (139.0, 37.0),
            (140.0, 37.0),
            (140.0, 36.0),
            (139.0, 36.0),
        ],
        &[
            (141.0, 36.0),
            (141.0, 37.0),
            (142.0, 37.0),
            (142.0, 36.0),
            (141.0, 36.0),
        ],
        &[
            (139.4, 36.4),
            (139.6, 36.4),
            (139.6, 36.6),
            (139.4, 36.6),
            (139.4, 36.4),
        ],
    ]);
    let features = read(
        &zip(&[(b"a.shp", &shp(&[shape])), (b"a.prj", b"GEOGCS")]),
        None,
        &mut Report::default(),
    )
    .unwrap();
    assert_eq!(
        features[0]["geometry"],
        json!({"type": "MultiPolygon", "coordinates": [
            [[[139, 36], [140, 36], [140, 37], [139, 37], [139, 36]], [[139.4, 36.4], [139.4, 36.6], [139.6, 36.6], [139.6, 36.4], [139.4, 36.4]]],
            [[[141, 36], [142, 36], [142, 37], [141, 37], [141, 36]]]
        ]})
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let shp = shp(&[point(50_000.0, 25_000.0)]);
    let mut report = Report::default();
    let without = read(&zip(&[(b"a.shp", &shp)]), None, &mut report).unwrap();
    assert_eq!(without[0]["geometry"], Value::Null);
    assert_eq!(
        (report.count(What::NoReferenceSystem), report.count(What::BadPlace)),
        (1, 1)
    );
    let several = zip(&[
        (b"a.shp", &shp),
        (b"x/b.shp", &shp),
        (b"x/b.prj", b"PLANE"),
        (b"a.prj", b"MARS"),
    ]);
    assert!(matches!(
        read(&several, None, &mut report),
        Err(FormatError::SeveralEntries(_))
    ));
    assert!(read(&several, Some("b"), &mut report).is_ok());
    assert_eq!(
        read(&several, Some("a"), &mut report),
        Err(FormatError::Refused(String::from(
            "the reference system `MARS` is not known"
        )))
    );
    let lying = [0xFF_u8; 12];
    let mut long = 5_u32.to_le_bytes().to_vec();
    long.resize(36, 0);
    long.extend(lying);
    let features = read(
        &zip(&[
            (b"a.shp", &self::shp(&[long, point(139.0, 36.0)])),
            (b"a.prj", b"GEOGCS"),
        ]),
        None,
        &mut report,
    )
    .unwrap();
    assert_eq!((features.len(), report.count(What::OtherShape)), (2, 1));
}
