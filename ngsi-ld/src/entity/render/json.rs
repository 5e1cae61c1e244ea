//! JSON tokens (RFC 8259).

use crate::entity::{DateTime, Geometry, Number, Position};

/// A string with its quotes; only what must be escaped is (RFC 8259 section 7).
//= 4.6.1-2
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text.as_bytes(), out);
    out.push(b'"');
}

/// A date with its quotes: nothing of it must be escaped.
pub(super) fn write_date(date: &DateTime, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(date.as_str().as_bytes());
    out.push(b'"');
}

/// The comma between members; none before the first one, as no value ends with `{`.
pub(super) fn separate_members(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}

/// `"name":` of a name without characters that are escaped, and the comma before it.
pub(super) fn write_member_name(name: &str, out: &mut Vec<u8>) {
    separate_members(out);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    // Without an early end, so that the compiler compares many bytes at once.
    if !bytes.iter().fold(false, |found, byte| found | must_escape(*byte)) {
        out.extend_from_slice(bytes);
        return;
    }
    for &byte in bytes {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
            }
            _ => out.push(byte),
        }
    }
}

pub(super) fn write_number(number: &Number, out: &mut Vec<u8>) {
    match number {
        Number::Integer(integer) => out.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes()),
        Number::Float(float) => write_float(*float, out),
        Number::Text(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// JSON has no word for what is not finite, and nothing here makes such a number: `null` keeps the text JSON.
fn write_float(float: f64, out: &mut Vec<u8>) {
    if float.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(float).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// A GeoJSON geometry object (RFC 7946 section 3.1).
pub(super) fn write_geometry(geometry: &Geometry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(geometry.type_name().as_bytes());
    if let Geometry::GeometryCollection(_) = geometry {
        out.extend_from_slice(b"\",\"geometries\":");
        super::write_array(out, geometry.members(), write_geometry);
        out.push(b'}');
        return;
    }
    out.extend_from_slice(b"\",\"coordinates\":");
    match geometry {
        Geometry::Point(position) => write_position(position, out),
        Geometry::MultiPoint(positions) | Geometry::LineString(positions) => write_positions(positions, out),
        Geometry::MultiLineString(lines) | Geometry::Polygon(lines) => write_lines(lines, out),
        Geometry::MultiPolygon(polygons) => super::write_array(out, polygons, |rings, out| write_lines(rings, out)),
        // It has no coordinates of its own.
        Geometry::GeometryCollection(_) => {}
    }
    out.push(b'}');
}

fn write_lines(lines: &[Vec<Position>], out: &mut Vec<u8>) {
    super::write_array(out, lines, |line, out| write_positions(line, out));
}

fn write_positions(positions: &[Position], out: &mut Vec<u8>) {
    super::write_array(out, positions, write_position);
}

fn write_position(position: &Position, out: &mut Vec<u8>) {
    out.push(b'[');
    write_float(position.longitude, out);
    out.push(b',');
    write_float(position.latitude, out);
    if let Some(altitude) = position.altitude {
        out.push(b',');
        write_float(altitude, out);
    }
    out.push(b']');
}
