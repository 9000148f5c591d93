//! The corpus of the fuzz targets, and the inputs that once made them fail, as tests run them: see `fuzz/`.

use std::fs;
use std::path::Path;

/// Runs each input of a target, and reports which one failed.
pub fn replay(target: &str, run: impl Fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut count = 0;
    for kind in ["corpus", "regressions"] {
        // Not every target has failed.
        let Ok(inputs) = fs::read_dir(fuzz.join(kind).join(target)) else {
            continue;
        };
        for input in inputs {
            let path = input.expect("an entry").path();
            let name = path.display().to_string();
            let data = fs::read(path).expect("an input");
            let _tell = TellOnPanic(&name);
            run(&data);
            count += 1;
        }
    }
    assert!(count > 0, "no corpus of {target}");
}

struct TellOnPanic<'n>(&'n str);

impl Drop for TellOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0);
        }
    }
}
