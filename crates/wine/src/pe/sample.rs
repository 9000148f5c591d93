//! A small DLL for tests, as `winebuild` would mark it.

use super::bytes::{put, put_u32};
use super::headers::Machine;

/// The address of its only section, which holds the export directory.
const ADDRESS: u32 = 0x1000;

/// Makes a DLL with these exports: each a name and the function's index; the target of a forwarder lies in the directory.
pub(crate) fn dll(machine: Machine, functions: &[Option<&str>], names: &[(&str, u16)]) -> Vec<u8> {
    let start = 0x80;
    let (magic, number, optional) = match machine {
        Machine::X86_64 => (0x20b_u16, 0x8664_u16, 240_u16),
        Machine::I686 => (0x10b, 0x14c, 224),
    };
    let mut exports = vec![0; 40];
    let place = |exports: &[u8]| ADDRESS + u32::try_from(exports.len()).unwrap();
    let module = place(&exports);
    exports.extend(b"sample.dll\0");
    let targets: Vec<u32> = (0x9000..)
        .zip(functions)
        .map(|(address, target)| match target {
            None => address,
            Some(target) => {
                let at = place(&exports);
                exports.extend(target.as_bytes());
                exports.push(0);
                at
            }
        })
        .collect();
    let texts: Vec<u32> = names
        .iter()
        .map(|(name, _)| {
            let at = place(&exports);
            exports.extend(name.as_bytes());
            exports.push(0);
            at
        })
        .collect();
    let function_table = place(&exports);
    exports.extend(targets.iter().flat_map(|it| it.to_le_bytes()));
    let name_table = place(&exports);
    exports.extend(texts.iter().flat_map(|it| it.to_le_bytes()));
    let ordinal_table = place(&exports);
    exports.extend(names.iter().flat_map(|(_, it)| it.to_le_bytes()));
    let counts = [functions.len(), names.len()].map(|it| u32::try_from(it).unwrap());
    for (at, value) in [
        (12, module),
        (16, 1),
        (20, counts[0]),
        (24, counts[1]),
        (28, function_table),
        (32, name_table),
        (36, ordinal_table),
    ] {
        put_u32(&mut exports, at, value).unwrap();
    }
    let size = u32::try_from(exports.len()).unwrap();

    let mut image = vec![0; 0x400];
    put(&mut image, 0, b"MZ").unwrap();
    put_u32(&mut image, 0x3c, start).unwrap();
    put(&mut image, 0x40, b"Wine builtin DLL").unwrap();
    let start = start as usize;
    put(&mut image, start, b"PE\0\0").unwrap();
    put(&mut image, start + 4, &number.to_le_bytes()).unwrap();
    put(&mut image, start + 6, &1_u16.to_le_bytes()).unwrap();
    put(&mut image, start + 20, &optional.to_le_bytes()).unwrap();
    let header = start + 24;
    put(&mut image, header, &magic.to_le_bytes()).unwrap();
    let directories = header + usize::from(optional) - 128;
    let table = header + usize::from(optional);
    for (at, value) in [
        (header + 32, 0x1000),
        (header + 36, 0x200),
        (header + 56, 0x10000),
        (header + 60, 0x400),
        (header + 64, 0x1234),
        (directories - 4, 16),
        (directories, ADDRESS),
        (directories + 4, size),
        (table + 8, size),
        (table + 12, ADDRESS),
        (table + 16, size),
        (table + 20, 0x400),
    ] {
        put_u32(&mut image, at, value).unwrap();
    }
    put(&mut image, table, b".edata").unwrap();
    image.extend(exports);
    image
}
