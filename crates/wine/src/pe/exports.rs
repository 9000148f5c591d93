//! The export directory (`IMAGE_EXPORT_DIRECTORY`), read and written anew.

use super::bytes::{put_u32, slice, u16_at, u32_at};
use super::error::PeError;
use super::headers::Headers;

/// The size of an `IMAGE_EXPORT_DIRECTORY`.
const DIRECTORY: usize = 40;
/// The largest number of functions and of names; an ordinal has 16 bits.
const MAX_EXPORTS: u32 = 1 << 16;
/// The longest name.
const MAX_NAME: usize = 4096;

/// A function that is exported (an entry of `AddressOfFunctions`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Function {
    /// An address in the DLL; 0 is none.
    Address(u32),
    /// `MODULE.NAME` in another DLL.
    Forwarder(Vec<u8>),
}

/// All exports of a DLL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Exports {
    /// Characteristics, time stamp and versions: the first 12 bytes.
    head: [u8; 12],
    /// The DLL's own name.
    module: Vec<u8>,
    /// The ordinal of the first function (`Base`).
    base: u32,
    pub(super) functions: Vec<Function>,
    /// Names in their order, each with the index of its function.
    pub(super) names: Vec<(Vec<u8>, u16)>,
}

impl Exports {
    pub(super) fn read(image: &[u8], headers: &Headers) -> Result<Self, PeError> {
        let (start, size) = headers.exports;
        if start == 0 || size == 0 {
            return Err(PeError::NotPe);
        }
        let directory = slice(headers.bytes_at(image, start)?, 0, DIRECTORY)?;
        let field = |at| u32_at(directory, at);
        let (functions, names) = (field(20)?, field(24)?);
        if functions > MAX_EXPORTS || names > MAX_EXPORTS {
            return Err(PeError::TooLarge);
        }
        let text = |address| text(headers.bytes_at(image, address)?);
        // A table without entries may have any address.
        let table = |address, count: u32, width: usize| match count {
            0 => Ok(&[][..]),
            _ => slice(headers.bytes_at(image, address)?, 0, count as usize * width),
        };
        let addresses = table(field(28)?, functions, 4)?;
        let functions = (0..functions as usize).map(|index| {
            let address = u32_at(addresses, 4 * index)?;
            Ok(match address.checked_sub(start) {
                Some(offset) if offset < size => Function::Forwarder(text(address)?),
                _ => Function::Address(address),
            })
        });
        let functions = functions.collect::<Result<Vec<_>, PeError>>()?;
        let addresses = table(field(32)?, names, 4)?;
        let ordinals = table(field(36)?, names, 2)?;
        let names = (0..names as usize).map(|index| {
            let ordinal = u16_at(ordinals, 2 * index)?;
            if usize::from(ordinal) >= functions.len() {
                return Err(PeError::NotPe);
            }
            Ok((text(u32_at(addresses, 4 * index)?)?, ordinal))
        });
        let names = names.collect::<Result<Vec<_>, PeError>>()?;
        let mut head = [0; 12];
        head.copy_from_slice(&directory[..12]);
        Ok(Self {
            head,
            module: text(field(12)?)?,
            base: field(16)?,
            names,
            functions,
        })
    }

    /// Makes a forwarder of the function of this name; not of one that has a second name, which was not asked for.
    pub(super) fn forward(&mut self, name: &str, target: &str) -> Result<(), PeError> {
        let found = self.names.iter().find(|(it, _)| it == name.as_bytes());
        let Some(&(_, ordinal)) = found else {
            return Err(PeError::NoSuchExport(name.to_owned()));
        };
        let other = |(it, of): &&(Vec<u8>, u16)| *of == ordinal && it != name.as_bytes();
        if let Some((other, _)) = self.names.iter().find(other) {
            let other = String::from_utf8_lossy(other).into_owned();
            return Err(PeError::Shared(name.to_owned(), other));
        }
        self.functions[usize::from(ordinal)] = Function::Forwarder(target.as_bytes().to_vec());
        Ok(())
    }

    /// Returns the names that are forwarders to the same name of another DLL.
    pub(super) fn forwarded(&self, module: &str) -> Vec<String> {
        let names = self.names.iter().filter_map(|(name, ordinal)| {
            let name = String::from_utf8_lossy(name).into_owned();
            let target = Function::Forwarder(format!("{module}.{name}").into_bytes());
            (self.functions[usize::from(*ordinal)] == target).then_some(name)
        });
        names.collect()
    }

    /// Writes the directory with all its tables and texts, as it lies at this address.
    pub(super) fn write(&self, address: u32) -> Result<Vec<u8>, PeError> {
        let functions = DIRECTORY;
        let names = functions + 4 * self.functions.len();
        let ordinals = names + 4 * self.names.len();
        let mut bytes = vec![0; ordinals + 2 * self.names.len()];
        let place = |offset: usize| {
            let offset = u32::try_from(offset).ok();
            offset
                .and_then(|offset| offset.checked_add(address))
                .ok_or(PeError::TooLarge)
        };
        let append = |bytes: &mut Vec<u8>, text: &[u8]| {
            let at = place(bytes.len());
            bytes.extend_from_slice(text);
            bytes.push(0);
            at
        };
        bytes[..12].copy_from_slice(&self.head);
        let module = append(&mut bytes, &self.module)?;
        let count = |length| u32::try_from(length).map_err(|_| PeError::TooLarge);
        for (at, value) in [
            (12, module),
            (16, self.base),
            (20, count(self.functions.len())?),
            (24, count(self.names.len())?),
            (28, place(functions)?),
            (32, place(names)?),
            (36, place(ordinals)?),
        ] {
            put_u32(&mut bytes, at, value)?;
        }
        for (index, function) in self.functions.iter().enumerate() {
            let value = match function {
                Function::Address(value) => *value,
                Function::Forwarder(target) => append(&mut bytes, target)?,
            };
            put_u32(&mut bytes, functions + 4 * index, value)?;
        }
        for (index, (name, ordinal)) in self.names.iter().enumerate() {
            let at = append(&mut bytes, name)?;
            put_u32(&mut bytes, names + 4 * index, at)?;
            let at = ordinals + 2 * index;
            bytes[at..at + 2].copy_from_slice(&ordinal.to_le_bytes());
        }
        Ok(bytes)
    }
}

/// Returns the text up to its zero.
pub(super) fn text(bytes: &[u8]) -> Result<Vec<u8>, PeError> {
    let end = bytes.iter().take(MAX_NAME).position(|byte| *byte == 0);
    end.map(|end| bytes[..end].to_vec())
        .ok_or(PeError::Truncated)
}
