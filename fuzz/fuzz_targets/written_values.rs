//! Values as people write them: whatever a cell holds, it is read or refused, and what is read is read again from its usual writing.
#![no_main]

use kakehashi_values::characters::{Folding, doubtful, name_key};
use kakehashi_values::codes::LocalGovernmentCode;
use kakehashi_values::crs::{Crs, of_name, of_prj};
use kakehashi_values::dates::{self, Calendar, EpochUnit, Written};
use kakehashi_values::numbers::{self, Units};
use kakehashi_values::positions::{self, Order};
use libfuzzer_sys::fuzz_target;

const JAPAN: i32 = 9 * 3600;

fuzz_target!(|text: &str| {
    if let Ok(written) = dates::read(text) {
        if let Written::Date(date) = written {
            assert_eq!(dates::read(&date.to_string()), Ok(written));
        }
        if let Written::Time(clock) = written {
            assert_eq!(dates::read(&clock.to_string()), Ok(written));
        }
        let _ = (written.date_time(JAPAN), written.date(JAPAN), written.time(JAPAN));
    }
    let _ = dates::fiscal_year(text);
    let _ = dates::from_serial(text, Calendar::From1900);
    let _ = dates::from_serial(text, Calendar::From1904);
    let _ = dates::from_epoch(text, EpochUnit::Seconds);
    let _ = dates::from_epoch(text, EpochUnit::Milliseconds);

    if let Ok(number) = numbers::as_f64(text) {
        assert!(number.is_finite());
    }
    if let Some(units) = Units::new([("m", 1.0), ("km", 1000.0), ("千円", 1000.0)]) {
        let _ = numbers::read_with_units(text, &units);
    }
    let _ = numbers::padded(text, 12);

    if let Ok(code) = LocalGovernmentCode::read(text, None) {
        assert_eq!(LocalGovernmentCode::read(&code.to_string(), None), Ok(code));
    }

    let folded = Folding::ALL.fold(text);
    assert_eq!(Folding::ALL.fold(&folded), folded);
    let _ = (name_key(text), doubtful(text).count());

    for code in [4326, 4301, 6677, 3857] {
        let Ok(crs) = Crs::of_epsg(code) else { continue };
        for order in [Order::LatitudeFirst, Order::LongitudeFirst] {
            if let Ok(place) = positions::both(text, order, &crs) {
                assert!(place.longitude.abs() <= 180.0 && place.latitude.abs() <= 90.0);
            }
        }
        let _ = (positions::wkt(text, &crs), positions::geometry(text, &crs));
    }
    let _ = (positions::angle(text), of_name(text), of_prj(text));
});
