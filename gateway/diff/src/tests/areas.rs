//! Areas of permits, compared by what they enclose.

use super::{AREA, POLICY, compared, files, of_policies, square};

#[test]
fn an_area_is_compared_by_where_it_lies() {
    let policy = format!("@area(\"areas/mashiko.geojson\") {POLICY}");
    let old = files(&policy);
    let with = |area: String| {
        let mut files = old.clone();
        files.insert(AREA, area);
        files
    };
    let larger = compared(&old, &with(square(140.2)));
    let change = &larger.changes[0];
    assert!(change.lost.is_empty(), "{larger}");
    assert_eq!(
        change.gained[0].changed,
        ["area changed: areas/mashiko.geojson, larger by 99 km²"],
        "{larger}"
    );
    assert!(larger.to_string().contains("larger by 99 km²"), "{larger}");
    let smaller = compared(&old, &with(square(140.05)));
    let change = &smaller.changes[0];
    assert!(
        change.gained.is_empty() && change.lost[0].changed[0].ends_with(", smaller by 50 km²"),
        "{smaller}"
    );
    let moved = compared(&old, &with(square(139.9)));
    let change = &moved.changes[0];
    assert!(
        change.gained[0].changed[0].contains("moved: 99 km² more, 99 km² less"),
        "{moved}"
    );
    assert!(!change.lost.is_empty(), "{moved}");
    // Less than can be measured is still another area.
    assert!(compared(&old, &with(square(140.000_000_01 + 0.1))).is_any());

    // The same area by another name, and written otherwise.
    let mut renamed = files(&policy.replace("mashiko", "town"));
    renamed.insert("policies/areas/town.geojson", square(140.1).replace("140.0,", "140,"));
    assert!(!compared(&old, &renamed).is_any());

    // GeoJSON in the policy, whose beginning stays.
    let inline = |east: f64| format!("@area(\"{}\") {POLICY}", square(east).replace('"', "\\\""));
    let told = of_policies(&inline(140.1), &inline(140.2));
    assert!(told.to_string().contains("larger by 99 km²"), "{told}");
}

/// A ring whose lines run to and fro across each other.
fn tangle(positions: usize, step: usize) -> String {
    let place = |number: usize| (number * step % positions) as f64 * 1e-4;
    let ring = (0..=positions).map(|number| {
        let number = number % positions;
        format!("[{:.4},{:.4}]", 140.0 + place(number), 36.0 + place(number * number))
    });
    let ring: Vec<String> = ring.collect();
    format!(r#"{{"type":"Polygon","coordinates":[[{}]]}}"#, ring.join(","))
}

#[test]
fn areas_that_are_too_large_to_be_measured_are_told_without_their_size() {
    let policy = format!("@area(\"areas/mashiko.geojson\") {POLICY}");
    let with = |area: String| {
        let mut files = files(&policy);
        files.insert(AREA, area);
        files
    };
    for (old, new) in [
        (tangle(2_003, 701), tangle(2_003, 908)),
        (square(140.1), tangle(2_003, 701)),
    ] {
        let told = compared(&with(old), &with(new));
        let change = &told.changes[0];
        for access in [&change.gained, &change.lost] {
            assert_eq!(
                access[0].changed,
                ["area changed: areas/mashiko.geojson; too large to be measured"],
                "{told}"
            );
        }
    }
}
