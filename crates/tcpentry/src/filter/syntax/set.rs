//! `@NAME`: a set of prefixes in the place of an address.

use crate::filter::error::{FilterError, Piece, near_miss, printable, quoted};
use crate::filter::expr::{End, Term};
use crate::filter::resolve::Names;

/// Parses the value of `src`, `dst` or `host` that begins with `@`.
pub(super) fn set(end: End, piece: Piece<'_>, names: &dyn Names) -> Result<Term, FilterError> {
    let (_, name) = piece.split_at(1);
    if let Some((set, port)) = name.split_once(':') {
        let (host, port_of) = (end.host(), end.port());
        let meant = format!("( {host} @{} and {port_of} = :{} )", set.text, port.text);
        return Err(piece
            .error("a set contains addresses, not ports")
            .with_hint(format!("did you mean `{}`?", printable(&meant))));
    }
    if !is_set_name(name.text) {
        let found = match name.text {
            "" => String::new(),
            text => format!(", found {}", quoted(text)),
        };
        return Err(name.error(format!(
            "expected the name of a set after `@`, of letters, digits, `_` and `-`{found}"
        )));
    }
    let text = name.text;
    let Some(set) = names.set(text) else {
        let error = name.error(format!("no set is called `{text}`"));
        let all = names.set_names();
        return Err(match near_miss(text, &all) {
            Some(near) => error.meant(near),
            None if all.is_empty() => error.with_hint(format!("define it with --in {text}=FILE")),
            None => error.with_hint(format!(
                "define it with --in {text}=FILE; sets are {}",
                all.join(" ")
            )),
        });
    };
    Ok(Term::Set {
        end,
        name: text.to_owned(),
        set,
    })
}

/// Returns true for a text that can be the name of a set: letters, digits, `_` and `-`.
pub fn is_set_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(is_part)
}
