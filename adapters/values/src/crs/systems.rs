//! The systems that are known: their codes, what they are, how they are computed.

/// The view's system.
pub(super) const WGS84: &str = "+proj=longlat +ellps=WGS84 +towgs84=0,0,0 +no_defs";

/// A datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datum {
    Wgs84,
    /// 世界測地系 since 2011.
    Jgd2011,
    /// 世界測地系 from 2002.
    Jgd2000,
    /// 日本測地系, until 2002.
    Tokyo,
}

/// A system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// Degrees.
    Geographic(Datum),
    /// 平面直角座標系, of zone 1 to 19.
    Plane(Datum, usize),
    /// UTM on the northern half, of a zone.
    Utm(Datum, u32),
    /// The plane of web maps.
    WebMercator,
}

/// The origins of the plane systems I to XIX, latitude and longitude in minutes of arc (平成十四年国土交通省告示第九号).
pub(super) const ORIGINS: [(u32, u32); 19] = [
    (33 * 60, 129 * 60 + 30),
    (33 * 60, 131 * 60),
    (36 * 60, 132 * 60 + 10),
    (33 * 60, 133 * 60 + 30),
    (36 * 60, 134 * 60 + 20),
    (36 * 60, 136 * 60),
    (36 * 60, 137 * 60 + 10),
    (36 * 60, 138 * 60 + 30),
    (36 * 60, 139 * 60 + 50),
    (40 * 60, 140 * 60 + 50),
    (44 * 60, 140 * 60 + 15),
    (44 * 60, 142 * 60 + 15),
    (44 * 60, 144 * 60 + 15),
    (26 * 60, 142 * 60),
    (26 * 60, 127 * 60 + 30),
    (26 * 60, 124 * 60),
    (26 * 60, 131 * 60),
    (20 * 60, 136 * 60),
    (26 * 60, 154 * 60),
];

/// The first code of each row of codes, how many there are, and what they are.
const ROWS: [(u32, u32, Datum, Kind); 6] = [
    (6669, 19, Datum::Jgd2011, Kind::Plane),
    (2443, 19, Datum::Jgd2000, Kind::Plane),
    (30161, 19, Datum::Tokyo, Kind::Plane),
    (6688, 5, Datum::Jgd2011, Kind::Utm),
    (3097, 5, Datum::Jgd2000, Kind::Utm),
    (32651, 6, Datum::Wgs84, Kind::Utm),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plane,
    Utm,
}

/// The UTM zone that each row of UTM codes begins with.
const FIRST_UTM_ZONE: u32 = 51;

/// Metres from the origin beyond which a plane system is not used: a zone is some 300 km wide, Hokkaido's are 500 km high.
/// Far outside the projection is no longer exact.
const PLANE_REACH: f64 = 1_000_000.0;

/// Latitudes and longitudes of the world of web maps, in metres.
const WEB_MERCATOR_REACH: f64 = 20_037_508.342_789_244;

impl System {
    pub(super) fn of_epsg(epsg: u32) -> Option<Self> {
        match epsg {
            // The last are those with a height.
            4326 | 4979 => return Some(Self::Geographic(Datum::Wgs84)),
            6668 | 6667 => return Some(Self::Geographic(Datum::Jgd2011)),
            4612 | 4947 => return Some(Self::Geographic(Datum::Jgd2000)),
            4301 => return Some(Self::Geographic(Datum::Tokyo)),
            3857 => return Some(Self::WebMercator),
            _ => {}
        }
        ROWS.iter().find_map(|(first, count, datum, kind)| {
            let place = epsg.checked_sub(*first).filter(|place| place < count)?;
            Some(match kind {
                Kind::Plane => Self::Plane(*datum, usize::try_from(place).ok()? + 1),
                Kind::Utm => Self::Utm(*datum, FIRST_UTM_ZONE + place),
            })
        })
    }

    /// Its code.
    pub(super) fn epsg(self) -> Option<u32> {
        let row = |datum: Datum, kind: Kind, place: u32| {
            let (first, count, ..) = ROWS.iter().find(|(_, _, one, of)| *one == datum && *of == kind)?;
            (place < *count).then_some(first + place)
        };
        match self {
            Self::Geographic(Datum::Wgs84) => Some(4326),
            Self::Geographic(Datum::Jgd2011) => Some(6668),
            Self::Geographic(Datum::Jgd2000) => Some(4612),
            Self::Geographic(Datum::Tokyo) => Some(4301),
            Self::WebMercator => Some(3857),
            Self::Plane(datum, zone) => row(datum, Kind::Plane, u32::try_from(zone).ok()?.checked_sub(1)?),
            Self::Utm(datum, zone) => row(datum, Kind::Utm, zone.checked_sub(FIRST_UTM_ZONE)?),
        }
    }

    pub(super) const fn datum(self) -> Datum {
        match self {
            Self::Geographic(datum) | Self::Plane(datum, _) | Self::Utm(datum, _) => datum,
            Self::WebMercator => Datum::Wgs84,
        }
    }

    /// How PROJ writes it; `None` where its degrees are taken for those of WGS84.
    pub(super) fn definition(self) -> Option<String> {
        let datum = match self.datum() {
            Datum::Wgs84 => "+ellps=WGS84 +towgs84=0,0,0",
            Datum::Jgd2011 | Datum::Jgd2000 => "+ellps=GRS80 +towgs84=0,0,0",
            // 国土地理院: the shift at the origin of Japan's coordinates, for the whole country.
            Datum::Tokyo => "+ellps=bessel +towgs84=-146.414,507.337,680.507",
        };
        match self {
            Self::Geographic(Datum::Tokyo) => Some(format!("+proj=longlat {datum} +no_defs")),
            Self::Geographic(_) => None,
            Self::Plane(_, zone) => {
                let (latitude, longitude) = ORIGINS.get(zone.checked_sub(1)?)?;
                let degrees = |minutes: u32| f64::from(minutes) / 60.0;
                Some(format!(
                    "+proj=tmerc +lat_0={} +lon_0={} +k=0.9999 +x_0=0 +y_0=0 {datum} +units=m +no_defs",
                    degrees(*latitude),
                    degrees(*longitude)
                ))
            }
            Self::Utm(_, zone) => Some(format!("+proj=utm +zone={zone} {datum} +units=m +no_defs")),
            // The sphere is in the projection only: its degrees are those of WGS84.
            Self::WebMercator => Some(
                "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs"
                    .to_owned(),
            ),
        }
    }

    /// Whether the system is used for a place.
    pub(super) fn holds(self, easting: f64, northing: f64) -> bool {
        match self {
            Self::Geographic(_) => (-180.0..=180.0).contains(&easting) && (-90.0..=90.0).contains(&northing),
            Self::Plane(..) => easting.abs() <= PLANE_REACH && northing.abs() <= PLANE_REACH,
            // Half a zone around 500 km, with room; Japan lies between 20 and 46 degrees.
            Self::Utm(..) => (0.0..=PLANE_REACH).contains(&easting) && (0.0..=9_400_000.0).contains(&northing),
            Self::WebMercator => easting.abs() <= WEB_MERCATOR_REACH && northing.abs() <= WEB_MERCATOR_REACH,
        }
    }
}
