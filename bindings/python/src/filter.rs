//! `Filter`: a filter that was read once, and filters as the functions take them.

use pyo3::prelude::*;
use tcpentry::{States, SystemNames, TcpTable};

use crate::failure::Failure;
use crate::tables::Site;

/// A filter in the language of `ss`.
#[pyclass(frozen, from_py_object, module = "tcpentry")]
#[derive(Clone)]
pub(crate) struct Filter {
    text: String,
    parsed: tcpentry::Filter,
}

#[pymethods]
impl Filter {
    #[new]
    fn new(py: Python<'_>, text: String) -> PyResult<Self> {
        // A host's name may take the resolver seconds.
        let parsed = py.detach(|| {
            let table = TcpTable::open()?;
            parse(&text, &SystemNames::new(&table))
        })?;
        Ok(Self { text, parsed })
    }

    #[getter]
    fn text(&self) -> &str {
        &self.text
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.text == other.text && self.parsed.to_string() == other.parsed.to_string()
    }

    fn __str__(&self) -> String {
        self.parsed.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Filter({:?})", self.text)
    }
}

/// A filter as an argument.
#[derive(FromPyObject)]
pub(crate) enum FilterArgument {
    Parsed(Filter),
    Text(String),
}

impl FilterArgument {
    fn text(&self) -> &str {
        match self {
            Self::Parsed(filter) => &filter.text,
            Self::Text(text) => text,
        }
    }
}

/// Prepares a filter for each table; without one, everything is selected. `states` are those of a filter that names none.
///
/// A device that it names has to exist in one of the namespaces; in the others no socket is bound to it.
pub(crate) fn prepare(
    filter: Option<&FilterArgument>,
    states: States,
    sites: &mut [Site],
) -> Result<Vec<tcpentry::Selection>, Failure> {
    let is_own = matches!(sites, [only] if only.home.name.is_none());
    let mut filters = Vec::new();
    match filter {
        None => filters.resize(sites.len(), tcpentry::Filter::any()),
        Some(FilterArgument::Parsed(filter)) if is_own => filters.push(filter.parsed.clone()),
        Some(argument) => {
            let parsed = sites.iter().map(|site| {
                let names = SystemNames::new(&site.table);
                parse(argument.text(), &names)
            });
            let parsed: Vec<_> = parsed.collect();
            let is_known_somewhere = parsed.iter().any(Result::is_ok);
            for (parsed, site) in parsed.into_iter().zip(&*sites) {
                filters.push(match parsed {
                    Err(Failure::Filter { .. }) if is_known_somewhere => {
                        let names = SystemNames::new(&site.table).with_absent_devices();
                        parse(argument.text(), &names)?
                    }
                    parsed => parsed?,
                });
            }
        }
    }
    let prepared = sites.iter_mut().zip(filters);
    let prepared =
        prepared.map(|(site, filter)| tcpentry::Selection::new(filter, states, &mut site.table));
    Ok(prepared.collect::<Result<_, _>>()?)
}

fn parse(text: &str, names: &SystemNames<'_>) -> Result<tcpentry::Filter, Failure> {
    tcpentry::Filter::parse(text, names).map_err(|error| Failure::Filter {
        error,
        text: text.to_owned(),
    })
}
