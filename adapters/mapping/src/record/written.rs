//! Values in writings that only the mapping knows, or that only Japan has.

use kakehashi_values::codes::LocalGovernmentCode;
use kakehashi_values::dates::{self, Written as Read};
use kakehashi_values::numbers;
use ngsi_ld::entity::{Number, TemporalType, Value};

use super::Finding;
use super::scalar::Scalar;
use crate::language::{Count, Written};

impl Scalar<'_> {
    /// What becomes of the value.
    pub(super) fn written(&self, written: &Written) -> Result<Value, Finding> {
        let word = self.word().ok_or(Finding::Unconvertible)?;
        if matches!(self, Self::Boolean(_)) {
            return Err(Finding::Unconvertible);
        }
        read(&word, written).map_err(|_| Finding::Unconvertible)
    }
}

fn read(word: &str, written: &Written) -> Result<Value, kakehashi_values::Unread> {
    Ok(match written {
        Written::Date { zone, from } => Value::Temporal {
            r#type: TemporalType::Date,
            value: counted(word, *from)?.date(*zone)?.to_string().into(),
        },
        Written::DateTime { zone, from } => Value::DateTime(counted(word, Some(*from))?.date_time(*zone)?),
        Written::Time { zone, from } => Value::String(counted(word, *from)?.time(*zone)?.to_string().into()),
        Written::FiscalYear => Value::Number(Number::Integer(dates::fiscal_year(word)?.into())),
        Written::WithUnits(units) => Value::Number(numbers::read_with_units(word, units)?),
        Written::MunicipalityCode => Value::String(LocalGovernmentCode::read(word, None)?.to_string().into()),
        Written::Padded(width) => Value::String(numbers::padded(word, *width).into()),
        Written::Folded(folding) => Value::String(folding.fold(word).into()),
    })
}

fn counted(word: &str, from: Option<Count>) -> Result<Read, kakehashi_values::Unread> {
    match from {
        None => dates::read(word),
        Some(Count::Epoch(unit)) => dates::from_epoch(word, unit),
        // A column of serial numbers holds, here and there, what somebody has typed as a text.
        Some(Count::Serial(calendar)) => dates::from_serial(word, calendar).or_else(|_| dates::read(word)),
        Some(Count::FiscalYear) => {
            let year = dates::fiscal_year(word)?;
            Ok(Read::Date(dates::first_day_of_fiscal_year(year)?))
        }
    }
}
