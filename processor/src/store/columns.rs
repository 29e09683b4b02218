//! Rows to columns: `unnest` takes one array a column.

/// One column: the same field of every row.
pub(super) fn of<'a, R: 'a, T>(
    rows: impl Iterator<Item = &'a R>,
    field: impl Fn(&'a R) -> T,
) -> Vec<T> {
    rows.map(field).collect()
}
