//! `delete()`: what a filter selects, or connections that are named exactly.

use std::ops::ControlFlow;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use tcpentry::delete::Ending;
use tcpentry::error::Operation;
use tcpentry::{
    Connection as Row, Error, ErrorKind, MethodChoice, Options, Pair, Selection, State, States,
    Target, TcpTable,
};

use crate::connection::{Connection, Home};
use crate::failure::{self, Failure};
use crate::filter::{self, FilterArgument};
use crate::names::{IdentitiesArgument, Names, PairArgument};
use crate::rows;
use crate::tables::{Scope, Site, Sites};
use crate::values;

/// Deletes what the filter selects, or the connections that are named; one of the three has to be there.
#[pyfunction]
#[pyo3(signature = (
    filter=None, *, pair=None, identity=None, dry_run=false, max=None, listeners=false, method="auto",
    all_netns=false, netns=None
))]
#[expect(
    clippy::too_many_arguments,
    reason = "they are the keywords of a Python function"
)]
pub(crate) fn delete(
    py: Python<'_>,
    filter: Option<FilterArgument>,
    pair: Option<PairArgument>,
    identity: Option<IdentitiesArgument<'_>>,
    dry_run: bool,
    max: Option<usize>,
    listeners: bool,
    method: &str,
    all_netns: bool,
    netns: Option<String>,
) -> PyResult<Vec<Outcome>> {
    let selector = match (filter, pair, identity) {
        (Some(filter), None, None) => Selector::Filter(filter),
        (None, Some(pair), None) => Selector::Names(Names::of_pair(&pair)?),
        (None, None, Some(named)) => Selector::Names(Names::Identities(named.read()?)),
        _ => return Err(PyTypeError::new_err(ONE_OF_THREE)),
    };
    let options = Options::default().with_method(method_of(method)?);
    let run = Run {
        options: if listeners {
            options.with_listeners()
        } else {
            options
        },
        listeners,
        rehearses: dry_run,
        max,
        scope: Scope::read(all_netns, netns)?,
        done: Vec::new(),
        notes: Vec::new(),
        raised: None,
    };
    let run = py.detach(|| run.all(&selector))?;
    let done = run.done.into_iter();
    let outcomes = done.map(|done| Outcome::new(py, done, dry_run));
    let outcomes = outcomes.collect::<PyResult<Vec<_>>>()?;
    if let Some(raised) = run.raised {
        // Nobody else knows what was deleted until then.
        raised.value(py).setattr("outcomes", outcomes)?;
        return Err(raised);
    }
    for note in run.notes {
        failure::warn_incomplete(py, &note)?;
    }
    Ok(outcomes)
}

const ONE_OF_THREE: &str = "delete() takes one of filter, pair and identity; \
    a filter that selects every connection is \"state connected\"";

fn method_of(word: &str) -> PyResult<MethodChoice> {
    match word {
        "auto" => Ok(MethodChoice::Auto),
        "sock-diag" => Ok(MethodChoice::SockDiag),
        "borrow" => Ok(MethodChoice::Borrow),
        _ => Err(PyValueError::new_err(
            "method is one of \"auto\", \"sock-diag\", \"borrow\"",
        )),
    }
}

/// The connections that are meant.
enum Selector {
    Filter(FilterArgument),
    Names(Names),
}

/// The result for one connection.
struct Done {
    pair: Pair,
    /// The connection as it was last seen, and its table; none where it was not found.
    seen: Option<(Row, Arc<Home>)>,
    result: Result<Ending, Error>,
}

/// A deletion, and what has become of it so far.
struct Run {
    options: Options,
    listeners: bool,
    rehearses: bool,
    max: Option<usize>,
    scope: Scope,
    done: Vec<Done>,
    /// Sentences about what is left out.
    notes: Vec<String>,
    /// The exception of a signal handler, which ends the run.
    raised: Option<PyErr>,
}

impl Run {
    fn all(mut self, selector: &Selector) -> Result<Self, Failure> {
        let Sites { opened, left_out } = Sites::open(&self.scope)?;
        self.notes = left_out;
        match selector {
            Selector::Filter(filter) => self.by_filter(filter, opened)?,
            Selector::Names(names) => self.by_name(names, opened)?,
        }
        Ok(self)
    }

    fn by_filter(&mut self, filter: &FilterArgument, mut sites: Vec<Site>) -> Result<(), Failure> {
        let states = if self.listeners {
            States::CONNECTIONS.union(States::LISTENING)
        } else {
            States::CONNECTIONS
        };
        let selections = filter::prepare(Some(filter), states, &mut sites)?;
        let selections: Vec<_> = selections.into_iter().map(Arc::new).collect();
        let selected = select(&mut sites, &selections)?;
        self.notes.extend(selected.failures);
        // A listener that must not be deleted is refused, each by itself.
        let may_be_deleted = |row: &Row| self.listeners || row.state != State::Listening;
        let count = selected.rows.iter();
        let count = count.filter(|(_, row)| may_be_deleted(row)).count();
        self.refuse_too_many(count)?;

        let mut rows = selected.rows.into_iter().peekable();
        for (index, (site, selection)) in sites.iter_mut().zip(selections).enumerate() {
            let here = std::iter::from_fn(|| rows.next_if(|(of, _)| *of == index));
            let here = here.map(|(_, row)| row).collect();
            let options = self.options.clone().while_selected(selection);
            self.delete_in(site, here, &options, |run, done| run.done.push(done));
            if self.raised.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn by_name(&mut self, names: &Names, mut sites: Vec<Site>) -> Result<(), Failure> {
        let found = find(names, &mut sites)?;
        let count = if self.max.is_some() {
            found.len() + count_other_subflows(&mut sites, &found)
        } else {
            found.len()
        };
        self.refuse_too_many(count)?;

        let mut done: Vec<Option<Done>> = Vec::new();
        let mut of_site: Vec<(Vec<usize>, Vec<Row>)> = Vec::new();
        of_site.resize_with(sites.len(), Default::default);
        for (place, (pair, found)) in found.into_iter().enumerate() {
            done.push(match found {
                Ok((index, row)) => {
                    let (places, rows) = &mut of_site[index];
                    places.push(place);
                    rows.push(row);
                    None
                }
                Err(error) => Some(Done {
                    pair,
                    seen: None,
                    result: Err(error.during(Operation::Delete)),
                }),
            });
        }
        for (site, (places, rows)) in sites.iter_mut().zip(of_site) {
            let mut places = places.into_iter();
            let options = self.options.clone();
            self.delete_in(site, rows, &options, |_, one| {
                if let Some(place) = places.next() {
                    done[place] = Some(one);
                }
            });
            if self.raised.is_some() {
                break;
            }
        }
        self.done.extend(done.into_iter().flatten());
        Ok(())
    }

    /// Deletes connections of one table, and hands over the result of each in their order, until a signal ends it.
    fn delete_in(
        &mut self,
        site: &mut Site,
        rows: Vec<Row>,
        options: &Options,
        mut add: impl FnMut(&mut Self, Done),
    ) {
        let rehearses = self.rehearses;
        let home = Arc::clone(&site.home);
        let report = |row: &Row, result: Result<Ending, Error>| {
            let done = Done {
                pair: row.pair,
                seen: Some((row.clone(), Arc::clone(&home))),
                result,
            };
            add(self, done);
            match rows::check_signals() {
                Ok(()) => ControlFlow::Continue(()),
                Err(raised) => {
                    self.raised.get_or_insert(raised);
                    ControlFlow::Break(())
                }
            }
        };
        if rehearses {
            site.table.check_all(rows, options, report);
        } else {
            site.table.delete_all(rows, options, report);
        }
    }

    fn refuse_too_many(&self, count: usize) -> Result<(), Failure> {
        match self.max {
            Some(max) if count > max => Err(Failure::TooMany { count, max }),
            _ => Ok(()),
        }
    }
}

/// Finds what is selected, unless some of it is hidden from the caller.
fn select(sites: &mut [Site], selections: &[Arc<Selection>]) -> Result<rows::Selected, Failure> {
    let attribution = selections.first().map(|first| first.attribution());
    let mut attribution = attribution.unwrap_or_default();
    let first = rows::select(sites, selections, &mut attribution, false)?;
    if first.hidden.is_empty() {
        return Ok(first);
    }
    // A process that got a socket after the processes were read seems to hide it: read them again.
    attribution.forget();
    let second = rows::select(sites, selections, &mut attribution, false)?;
    match first.hidden.intersection(&second.hidden).count() {
        0 => Ok(second),
        hidden => Err(Failure::Hidden(hidden)),
    }
}

/// The ends that were looked for, and what was found: the index of a table, and the connection.
type Found = (Pair, Result<(usize, Row), Error>);

/// The index of a table, and the result of a look-up in it.
type Looked = (usize, Result<Row, Error>);

/// Looks for each name in every table.
fn find(names: &Names, sites: &mut [Site]) -> Result<Vec<Found>, Failure> {
    let mut targets: Vec<Vec<Target>> = Vec::new();
    let mut refused = None;
    for site in &*sites {
        // A device need not exist in every namespace.
        targets.push(names.targets(&site.table).unwrap_or_else(|error| {
            refused = Some(error);
            Vec::new()
        }));
    }
    if let (Some(error), true) = (refused, targets.iter().all(Vec::is_empty)) {
        return Err(error.into());
    }
    let searches = sites.iter_mut().zip(&targets);
    let searches = searches.map(|(site, targets)| (&mut site.table, &targets[..]));
    let mut looked: Vec<(Pair, Vec<Looked>)> = Vec::new();
    for (index, found) in TcpTable::find_in_all(searches).into_iter().enumerate() {
        for (place, (target, found)) in targets[index].iter().zip(found).enumerate() {
            if place == looked.len() {
                looked.push((target.pair(), Vec::new()));
            }
            looked[place].1.push((index, found));
        }
    }
    let found = looked.into_iter();
    Ok(found.map(|(pair, all)| (pair, decide(pair, all))).collect())
}

/// Returns the one that was found, or the error that says most.
fn decide(pair: Pair, all: Vec<Looked>) -> Result<(usize, Row), Error> {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for (index, result) in all {
        match result {
            Ok(row) => found.push((index, row)),
            Err(error) => errors.push(error),
        }
    }
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), others) => {
            let cause = format!(
                "{} network namespaces have a socket with these ends",
                others + 1
            );
            Err(Error::ambiguous(cause, pair)
                .with_hint("name the network namespace, or one of the sockets by its identity"))
        }
        (None, _) => {
            let weight = |error: &Error| match error.kind() {
                ErrorKind::OtherNetns => 0,
                ErrorKind::NotFound => 1,
                _ => 2,
            };
            let error = errors.into_iter().max_by_key(weight);
            Err(error.expect("each name was looked for in some table"))
        }
    }
}

/// Returns the number of subflows of MPTCP connections that are not named, but would end with some that are.
fn count_other_subflows(sites: &mut [Site], found: &[Found]) -> usize {
    let found: Vec<_> = found
        .iter()
        .filter_map(|(_, it)| it.as_ref().ok())
        .collect();
    let mut others = std::collections::HashSet::new();
    for (index, site) in sites.iter_mut().enumerate() {
        let here: Vec<_> = found.iter().filter(|it| it.0 == index).collect();
        if here.iter().all(|(_, row)| row.mptcp == Some(false)) {
            continue;
        }
        // Where they can't be read, the deletion can't either, and says so.
        let subflows = site.table.subflows().unwrap_or_default();
        for (_, row) in here {
            others.extend(subflows.others_of(row).map(|it| (index, it.cookie)));
        }
    }
    for (index, row) in found {
        others.remove(&(*index, row.cookie));
    }
    others.len()
}

/// The outcome of the deletion of one connection.
#[pyclass(frozen, module = "tcpentry")]
pub(crate) struct Outcome {
    pair: Pair,
    #[pyo3(get)]
    connection: Option<Py<Connection>>,
    #[pyo3(get, name = "outcome")]
    word: String,
    #[pyo3(get)]
    error: Option<Py<PyAny>>,
    #[pyo3(get)]
    hint: Option<String>,
    #[pyo3(get)]
    method: Option<String>,
    #[pyo3(get)]
    reset_sent: Option<bool>,
    #[pyo3(get)]
    dry_run: bool,
}

impl Outcome {
    fn new(py: Python<'_>, done: Done, dry_run: bool) -> PyResult<Self> {
        let Done { pair, seen, result } = done;
        let connection = seen.map(|(row, home)| Py::new(py, Connection::new(row, home, None)));
        let outcome = Self {
            pair,
            connection: connection.transpose()?,
            word: tcpentry::Outcome::Deleted.to_string(),
            error: None,
            hint: None,
            method: None,
            reset_sent: None,
            dry_run,
        };
        Ok(match result {
            Ok(ending) => Self {
                method: Some(ending.method.to_string()),
                reset_sent: ending.reset.is_sent(),
                ..outcome
            },
            Err(error) => Self {
                word: error.outcome().to_string(),
                error: Some(failure::exception(py, &error)?.unbind()),
                hint: error.hint().map(str::to_owned),
                ..outcome
            },
        })
    }
}

#[pymethods]
impl Outcome {
    #[getter]
    fn local<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::endpoint(py, self.pair.local())
    }

    #[getter]
    fn peer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::endpoint(py, self.pair.peer())
    }

    /// Raises the error, if there is one.
    fn raise_for_error(&self, py: Python<'_>) -> PyResult<()> {
        match &self.error {
            Some(error) => Err(PyErr::from_value(error.bind(py).clone())),
            None => Ok(()),
        }
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        match &self.error {
            Some(error) => Ok(error.bind(py).str()?.to_string()),
            None if self.dry_run => Ok(format!("{} would be deleted", self.pair)),
            None => Ok(format!("{} deleted", self.pair)),
        }
    }

    fn __repr__(&self) -> String {
        format!("<tcpentry.Outcome {} {}>", self.pair, self.word)
    }
}
