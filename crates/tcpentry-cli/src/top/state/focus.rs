//! The part of the screen that is in use.

/// The part of the screen that keys go to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Focus {
    #[default]
    Table,
    Filter,
    Preview,
    Details,
    Help,
    Columns,
    Order,
    Cells,
    Places,
    Left,
    Log,
    Save,
}
