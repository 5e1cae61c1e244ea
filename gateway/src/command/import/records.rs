//! The records of a file, one after the other as they are read, however large the file is: an array, lines, one object, or the
//! Features of a collection. Where a record ends is found by its brackets alone; whoever reads it says what is wrong with it.

use std::io::{BufRead, BufReader, Chain, Cursor, Read};

use serde_json::value::RawValue;

use super::forms::{Form, form_of};
use super::scan::Scan;

/// As much of a file is looked at to find out what it is.
const HEAD: u64 = 64 * 1024;

/// Largest record, in MiB: it is held in memory with what is read of it.
const MOST_MIB: usize = 16;

/// What a file of UTF-16 begins with, in either order.
const MARKS_OF_UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct At {
    /// Which one, counted from 1.
    pub(super) record: u64,
    /// In which line it begins, counted from 1.
    pub(super) line: u64,
    /// At which byte it begins.
    pub(super) byte: u64,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {} (line {})", self.record, self.line)
    }
}

/// Why a file is not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is in another encoding.
    #[error("its byte order mark says that it is UTF-16: save it as UTF-8")]
    Utf16,
    /// It is neither an array nor an object.
    #[error(
        "it holds neither an array nor an object: records are a JSON array, one JSON object a line, or a GeoJSON \
         FeatureCollection of NGSI-LD"
    )]
    NoRecords,
    /// It ends, or something else stands where the next record should be.
    #[error("it is not JSON from line {0} on: {1}")]
    Broken(u64, &'static str),
    /// A record is too large.
    #[error("the record that begins in line {0} is larger than {MOST_MIB} MiB, which no entity may be")]
    TooLarge(u64),
    /// The context of a collection stands where it is read too late.
    #[error(
        "the @context of the collection stands behind its features, where it is read too late: put it before `features`, or \
         name the file, which can be read twice, and not standard input"
    )]
    ContextBehind,
    /// A collection has two lists of Features, of which readers of JSON know one.
    #[error("the collection has `features` twice, in line {0} again: write all of them into one list")]
    FeaturesTwice(u64),
    /// The disk, or whoever wrote it.
    #[error("it cannot be read: {0}")]
    Failed(String),
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The records of a file.
pub(super) struct Records<R: Read> {
    input: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    pub(super) form: Form,
    /// The `@context` of a collection, as far as it stands before the Features.
    pub(super) context: Option<Box<RawValue>>,
    /// That which is known from elsewhere.
    is_context_known: bool,
    place: Place,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing was read yet.
    Start,
    /// Among the records.
    Within,
    /// Behind the last.
    End,
}

impl<R: Read> Records<R> {
    /// Of a file from its beginning on.
    pub(super) fn of(mut file: R, known_context: Option<Box<RawValue>>) -> Result<Self, Unreadable> {
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head)?;
        if MARKS_OF_UTF_16.iter().any(|mark| head.starts_with(mark)) {
            return Err(Unreadable::Utf16);
        }
        let text = ngsi_ld::without_byte_order_mark(&head);
        let mark = head.len() - text.len();
        let form = form_of(text).ok_or(Unreadable::NoRecords)?;
        head.drain(..mark);
        Ok(Self {
            input: BufReader::with_capacity(256 * 1024, Cursor::new(head).chain(file)),
            form,
            is_context_known: known_context.is_some(),
            context: known_context,
            place: Place::Start,
            at: At {
                record: 0,
                line: 1,
                byte: mark as u64,
            },
        })
    }

    /// How much was read.
    pub(super) fn bytes(&self) -> u64 {
        self.at.byte
    }

    /// The next record; `None`: there is none left.
    pub(super) fn next(&mut self) -> Result<Option<(At, Vec<u8>)>, Unreadable> {
        match self.form {
            Form::Lines => self.next_line(),
            Form::Object => match self.place {
                Place::Start => {
                    self.place = Place::End;
                    self.after_white_space()?;
                    let record = self.record()?;
                    self.nothing_follows()?;
                    Ok(Some(record))
                }
                Place::Within | Place::End => Ok(None),
            },
            Form::Array => {
                if self.place == Place::Start {
                    self.expect(b'[')?;
                }
                self.next_element()
            }
            Form::Features => {
                if self.place == Place::Start {
                    self.expect(b'{')?;
                    self.go_to_features()?;
                }
                self.next_element()
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<(At, Vec<u8>)>, Unreadable> {
        loop {
            let (line, byte) = (self.at.line, self.at.byte);
            let most = (MOST_MIB * 1024 * 1024) as u64;
            let mut text = Vec::new();
            let read = self.input.by_ref().take(most + 1).read_until(b'\n', &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 > most {
                return Err(Unreadable::TooLarge(line));
            }
            self.at.byte += read as u64;
            self.at.line += 1;
            let is_blank = text.iter().all(u8::is_ascii_whitespace);
            if is_blank {
                continue;
            }
            text.truncate(text.trim_ascii_end().len());
            self.at.record += 1;
            let at = At {
                record: self.at.record,
                line,
                byte,
            };
            return Ok(Some((at, text)));
        }
    }

    /// The next element of the array that is being read.
    fn next_element(&mut self) -> Result<Option<(At, Vec<u8>)>, Unreadable> {
        let next = match self.place {
            Place::End => return Ok(None),
            Place::Start => self.after_white_space()?,
            Place::Within => match self.after_white_space()? {
                Some(b',') => {
                    self.bump()?;
                    // Behind a comma there is a record.
                    self.after_white_space()?.filter(|next| *next != b']')
                }
                Some(b']') => Some(b']'),
                _ => return Err(self.broken("a comma or the end of the array is missing")),
            },
        };
        match next {
            None => Err(self.broken("the array has no end")),
            Some(b']') => {
                self.bump()?;
                self.place = Place::End;
                match self.form {
                    Form::Features => self.behind_features()?,
                    _ => self.nothing_follows()?,
                }
                Ok(None)
            }
            Some(_) => {
                self.place = Place::Within;
                self.record().map(Some)
            }
        }
    }

    /// Goes on to the array of Features.
    fn go_to_features(&mut self) -> Result<(), Unreadable> {
        loop {
            match self.member()? {
                Some(name) if name == "features" => {
                    return self.expect(b'[');
                }
                Some(name) => {
                    let value = self.value()?;
                    if name == "@context" && !self.is_context_known {
                        self.context = serde_json::from_slice(&value).ok();
                    }
                }
                None => return Err(self.broken("the collection has no `features`")),
            }
        }
    }

    /// Goes on to the end of the collection.
    fn behind_features(&mut self) -> Result<(), Unreadable> {
        while let Some(name) = self.member()? {
            if name == "features" {
                return Err(Unreadable::FeaturesTwice(self.at.line));
            }
            let value = self.value()?;
            if name == "@context" && !self.is_context_known {
                self.context = serde_json::from_slice(&value).ok();
                return Err(Unreadable::ContextBehind);
            }
        }
        self.nothing_follows()
    }

    /// The name of the next member of the object that is being read, up to its value; `None`: it has ended.
    fn member(&mut self) -> Result<Option<String>, Unreadable> {
        let mut next = self.after_white_space()?;
        if next == Some(b',') {
            self.bump()?;
            next = self.after_white_space()?;
        }
        match next {
            Some(b'}') => {
                self.bump()?;
                Ok(None)
            }
            Some(b'"') => {
                let name = self.value()?;
                let name = serde_json::from_slice(&name).map_err(|_| self.broken("a name is no string"))?;
                self.expect(b':')?;
                Ok(Some(name))
            }
            _ => Err(self.broken("the name of a member is missing")),
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Unreadable> {
        match self.after_white_space()? {
            Some(next) if next == wanted => self.bump(),
            _ => Err(self.broken("a bracket or a colon is missing")),
        }
    }

    fn nothing_follows(&mut self) -> Result<(), Unreadable> {
        match self.after_white_space()? {
            None => Ok(()),
            Some(_) => Err(self.broken("something follows behind the end")),
        }
    }

    /// A record, which begins here.
    fn record(&mut self) -> Result<(At, Vec<u8>), Unreadable> {
        self.at.record += 1;
        let at = self.at;
        Ok((at, self.value()?))
    }

    /// A value, which begins here: to the bracket that closes it, or as far as a number or a word goes.
    fn value(&mut self) -> Result<Vec<u8>, Unreadable> {
        self.after_white_space()?;
        let first = self.at.line;
        let mut scan = Scan::default();
        let mut text = Vec::new();
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return match scan.may_end() && !text.is_empty() {
                    true => Ok(text),
                    false => Err(Unreadable::Broken(first, "what begins there has no end")),
                };
            }
            let (taken, has_ended) = scan.over(chunk);
            let some = chunk.get(..taken).unwrap_or_default();
            self.at.line += lines_in(some);
            self.at.byte += taken as u64;
            text.extend_from_slice(some);
            self.input.consume(taken);
            if text.len() > MOST_MIB * 1024 * 1024 {
                return Err(Unreadable::TooLarge(first));
            }
            if has_ended {
                return match text.is_empty() {
                    true => Err(Unreadable::Broken(first, "a value is missing")),
                    false => Ok(text),
                };
            }
        }
    }

    /// What stands behind white space; it is not taken.
    fn after_white_space(&mut self) -> Result<Option<u8>, Unreadable> {
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = chunk.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = chunk.get(blank).copied();
            self.at.line += lines_in(chunk.get(..blank).unwrap_or_default());
            self.at.byte += blank as u64;
            self.input.consume(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Takes one byte.
    fn bump(&mut self) -> Result<(), Unreadable> {
        self.input.fill_buf()?;
        self.input.consume(1);
        self.at.byte += 1;
        Ok(())
    }

    const fn broken(&self, why: &'static str) -> Unreadable {
        Unreadable::Broken(self.at.line, why)
    }
}

fn lines_in(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as the slowest pipe does.
    struct Drop<'a>(&'a [u8]);

    impl Read for Drop<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let some = self.0.len().min(1).min(buffer.len());
            buffer[..some].copy_from_slice(&self.0[..some]);
            self.0 = &self.0[some..];
            Ok(some)
        }
    }

    fn read(text: &str) -> (Form, Vec<(u64, String)>, Option<Unreadable>) {
        let mut records = Records::of(Drop(text.as_bytes()), None).unwrap();
        let (mut found, mut why) = (Vec::new(), None);
        loop {
            match records.next() {
                Ok(Some((at, record))) => {
                    let byte = usize::try_from(at.byte).unwrap();
                    let record = String::from_utf8(record).unwrap();
                    assert!(
                        text.as_bytes().get(byte..).unwrap().starts_with(record.as_bytes()),
                        "{at:?}"
                    );
                    found.push((at.line, record));
                }
                Ok(None) => break,
                Err(error) => {
                    why = Some(error);
                    break;
                }
            }
        }
        (records.form, found, why)
    }

    #[test]
    fn each_form_gives_its_records_with_their_lines() {
        let (form, found, why) = read("\u{feff} [\n {\"a\": \"]}\\\"\"},\n\n 17 , [1, {\"b\": {}}]\n]\n");
        let records: Vec<_> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!((form, why), (Form::Array, None));
        assert_eq!(
            records,
            [(2, "{\"a\": \"]}\\\"\"}"), (4, "17"), (4, "[1, {\"b\": {}}]")]
        );
        let (form, found, why) = read("{\"id\": 1}\n\nno json\r\n{\"id\": 2}");
        let records: Vec<_> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!((form, why), (Form::Lines, None));
        assert_eq!(records, [(1, "{\"id\": 1}"), (3, "no json"), (4, "{\"id\": 2}")]);
        let (form, found, why) = read("{\n\"id\": 1,\n\"features\": [1], \"type\": \"AED\"}\n");
        assert_eq!((form, found.len(), why), (Form::Object, 1, None));
        let text = "{\"@context\": [\"x\"], \"type\": \"FeatureCollection\", \"features\": [\n{\"id\": 1}, {}]\n, \"more\": 1}";
        let (form, found, why) = read(text);
        assert_eq!((form, found.len(), why), (Form::Features, 2, None));
        assert_eq!(found[0].0, 2);
        for empty in ["[]", "[ ]\n", "{\"features\": []}"] {
            let (_, found, why) = read(empty);
            assert_eq!((found.len(), why), (0, None), "{empty}");
        }
    }

    #[test]
    fn what_is_cut_off_or_broken_says_where() {
        for (text, line, records) in [
            ("[\n{\"id\": 1},\n{\"id\": ", 3, 1),
            ("[\n{\"id\": 1}\n{\"id\": 2}]", 3, 1),
            ("[{\"id\": 1},\n]", 2, 1),
            ("[{\"id\": 1}", 1, 1),
            ("[{\"id\": 1}]\n[]", 2, 1),
            ("{\n\"id\": 1", 1, 0),
            ("{\"type\": \"FeatureCollection\"}", 1, 0),
        ] {
            let (_, found, why) = read(text);
            let Some(Unreadable::Broken(at, _)) = why else {
                panic!("{text}: {why:?}");
            };
            assert_eq!((at, found.len()), (line, records), "{text}");
        }
        let behind = "{\"features\": [{}], \"@context\": \"x\"}";
        assert_eq!(read(behind).2, Some(Unreadable::ContextBehind));
        let twice = "{\"features\": [{}],\n\"features\": [{}]}";
        assert_eq!(read(twice).2, Some(Unreadable::FeaturesTwice(2)));
        for none in ["", "  ", "17", "id,name\n1,2\n"] {
            assert!(
                matches!(Records::of(none.as_bytes(), None), Err(Unreadable::NoRecords)),
                "{none}"
            );
        }
        assert!(matches!(
            Records::of(b"\xFF\xFE[\0".as_slice(), None),
            Err(Unreadable::Utf16)
        ));
    }

    #[test]
    fn a_record_that_never_ends_does_not_fill_the_memory() {
        let endless = std::io::repeat(b'a');
        let mut records = Records::of(b"[\"".as_slice().chain(endless), None).unwrap();
        assert_eq!(records.next(), Err(Unreadable::TooLarge(1)));
    }
}
