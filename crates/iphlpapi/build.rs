//! Names the shared library: programs are linked to `libiphlpapi.so.1`.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libiphlpapi.so.1");
    println!("cargo:rerun-if-changed=build.rs");
}
