//! The rows of what was recorded: each network namespace that they are of has a number here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tcpentry::Identity;
use tcpentry::netns::{BootId, NetnsId};

use super::super::model::Row;
use super::reader::{RecordingError, RecordingReader};
use super::row::{RecordedRow, RowPlace};

/// A row, and the identity of its socket where it has one.
pub(crate) type IdentifiedRow = (Row, Option<Identity>);

/// Makes rows of recorded ones, each with the number of its network namespace.
#[derive(Debug, Default)]
pub(crate) struct RowPlacer {
    /// The host that they are of, where there are several.
    host: Option<Arc<str>>,
    /// The first of the numbers.
    first: u32,
    /// The largest number of network namespaces; `None` without a limit.
    most: Option<u32>,
    numbers: HashMap<RecordedNamespace, u32>,
}

/// A network namespace of a recording. After another boot, one of the same name is another one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct RecordedNamespace {
    origin: Option<(BootId, NetnsId)>,
    name: String,
}

impl RowPlacer {
    /// Returns one for the rows of a host, which has so many numbers from this one on.
    pub(crate) fn of_host(host: Arc<str>, first: u32, most: u32) -> Self {
        Self {
            host: Some(host),
            first,
            most: Some(most),
            ..Self::default()
        }
    }

    /// Makes the rows of a frame, of which reading was begun at this time.
    pub(crate) fn place(
        &mut self,
        rows: Vec<(u64, RecordedRow)>,
        begun: Instant,
        reader: &RecordingReader,
    ) -> Result<Vec<IdentifiedRow>, RecordingError> {
        let rows = rows.into_iter();
        rows.map(|(line, row)| {
            let placed = self.place_row(row, begun);
            placed.map_err(|cause| reader.error_at(line, &cause))
        })
        .collect()
    }

    fn place_row(&mut self, row: RecordedRow, begun: Instant) -> Result<IdentifiedRow, String> {
        let identity = row.identity()?;
        let namespace = RecordedNamespace {
            origin: identity.map(|identity| (identity.boot, identity.netns)),
            name: row.netns().to_owned(),
        };
        let place = RowPlace {
            host: self.host.clone(),
            netns: self.number(namespace)?,
            begun,
        };
        Ok((row.into_row(identity.as_ref(), &place)?, identity))
    }

    fn number(&mut self, namespace: RecordedNamespace) -> Result<u32, String> {
        if let Some(number) = self.numbers.get(&namespace) {
            return Ok(*number);
        }
        let count = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        if let Some(most) = self.most.filter(|most| count >= *most) {
            return Err(format!("it has more than {most} network namespaces"));
        }
        let number = self.first.saturating_add(count);
        self.numbers.insert(namespace, number);
        Ok(number)
    }
}
