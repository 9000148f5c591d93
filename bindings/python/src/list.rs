//! `connections()`: the rows that a filter selects.

use std::sync::Arc;

use pyo3::prelude::*;
use tcpentry::{Attribution, Connection as Row, States};

use crate::connection::{Connection, Home};
use crate::failure::{self, Failure};
use crate::filter::{self, FilterArgument};
use crate::rows;
use crate::tables::{Scope, Sites};

/// Lists the connections that a filter selects; without one, all.
#[pyfunction]
#[pyo3(signature = (filter=None, *, all_netns=false, netns=None, pids=false, info=false))]
#[expect(
    clippy::needless_pass_by_value,
    reason = "they are the keywords of a Python function"
)]
pub(crate) fn connections(
    py: Python<'_>,
    filter: Option<FilterArgument>,
    all_netns: bool,
    netns: Option<String>,
    pids: bool,
    info: bool,
) -> PyResult<Vec<Connection>> {
    let scope = Scope::read(all_netns, netns)?;
    let Listed { rows, notes } = py.detach(|| list(filter.as_ref(), &scope, pids, info))?;
    for note in notes {
        failure::warn_incomplete(py, &note)?;
    }
    let rows = rows.into_iter();
    Ok(rows
        .map(|(row, home, pids)| Connection::new(row, home, pids))
        .collect())
}

/// The result of a listing.
struct Listed {
    rows: Vec<(Row, Arc<Home>, Option<Vec<i32>>)>,
    /// Sentences about what is missing.
    notes: Vec<String>,
}

fn list(
    filter: Option<&FilterArgument>,
    scope: &Scope,
    with_pids: bool,
    info: bool,
) -> Result<Listed, Failure> {
    let Sites {
        opened: mut sites,
        left_out: mut notes,
    } = Sites::open(scope)?;
    let selections = filter::prepare(filter, States::CONNECTIONS, &mut sites)?;
    let selections: Vec<_> = selections.into_iter().map(Arc::new).collect();
    let mut attribution = selections
        .first()
        .map_or_else(Attribution::new, |first| first.attribution());
    let selected = rows::select(&mut sites, &selections, &mut attribution, info)?;
    notes.extend(selected.failures);
    if !selected.hidden.is_empty() {
        notes.push(format!(
            "{}: they are left out",
            failure::hidden(selected.hidden.len())
        ));
    }
    let pids = if with_pids {
        let rows = selected.rows.iter().map(|(_, row)| row);
        let found = rows::pids(rows);
        Some(found.map_err(|error| Failure::Python(error.into()))?)
    } else {
        None
    };
    let pids_of = |row: &Row| {
        let pids = pids.as_ref()?;
        let known = row.inode.and_then(|inode| pids.get(&inode));
        Some(known.cloned().unwrap_or_default())
    };
    let rows = selected.rows.into_iter().map(|(index, row)| {
        let pids = pids_of(&row);
        (row, Arc::clone(&sites[index].home), pids)
    });
    Ok(Listed {
        rows: rows.collect(),
        notes,
    })
}
