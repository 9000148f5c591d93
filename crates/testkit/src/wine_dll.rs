//! A small DLL, as Wine's `winebuild` would mark it.

/// The address of its only section, which holds the export directory.
const ADDRESS: u32 = 0x1000;

/// Makes a DLL with these exports: each a name and the function's index; the target of a forwarder lies in the directory.
pub fn with_exports(is_64_bit: bool, functions: &[Option<&str>], names: &[(&str, u16)]) -> Vec<u8> {
    let start = 0x80;
    let (magic, number, optional) = if is_64_bit {
        (0x20b_u16, 0x8664_u16, 240_u16)
    } else {
        (0x10b, 0x14c, 224)
    };
    let exports = export_directory(functions, names);
    let size = exports.len().try_into().expect("it is small");
    let mut image = vec![0; 0x400];
    put(&mut image, 0, b"MZ");
    put_u32(&mut image, 0x3c, start);
    put(&mut image, 0x40, b"Wine builtin DLL");
    let start = start as usize;
    put(&mut image, start, b"PE\0\0");
    put(&mut image, start + 4, &number.to_le_bytes());
    put(&mut image, start + 6, &1_u16.to_le_bytes());
    put(&mut image, start + 20, &optional.to_le_bytes());
    let header = start + 24;
    put(&mut image, header, &magic.to_le_bytes());
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
        put_u32(&mut image, at, value);
    }
    put(&mut image, table, b".edata");
    image.extend(exports);
    image
}

fn export_directory(functions: &[Option<&str>], names: &[(&str, u16)]) -> Vec<u8> {
    let mut exports = vec![0; 40];
    let place = |exports: &[u8]| ADDRESS + u32::try_from(exports.len()).expect("it is small");
    let module = place(&exports);
    exports.extend(b"sample.dll\0");
    let mut text = |text: &str| {
        let at = place(&exports);
        exports.extend(text.as_bytes());
        exports.push(0);
        at
    };
    let targets: Vec<u32> = (0x9000..)
        .zip(functions)
        .map(|(address, target)| target.map_or(address, &mut text))
        .collect();
    let texts: Vec<u32> = names.iter().map(|(name, _)| text(name)).collect();
    let function_table = place(&exports);
    exports.extend(targets.iter().flat_map(|it| it.to_le_bytes()));
    let name_table = place(&exports);
    exports.extend(texts.iter().flat_map(|it| it.to_le_bytes()));
    let ordinal_table = place(&exports);
    exports.extend(names.iter().flat_map(|(_, it)| it.to_le_bytes()));
    let counts = [functions.len(), names.len()].map(|it| it.try_into().expect("they are few"));
    for (at, value) in [
        (12, module),
        (16, 1),
        (20, counts[0]),
        (24, counts[1]),
        (28, function_table),
        (32, name_table),
        (36, ordinal_table),
    ] {
        put_u32(&mut exports, at, value);
    }
    exports
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    put(bytes, at, &value.to_le_bytes());
}
