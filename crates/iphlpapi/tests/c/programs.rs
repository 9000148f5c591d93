//! The programs that check by themselves: with sanitizers compiled in, and some again under valgrind.

use std::process::Command;

use tcpentry_testkit::{isolated, skip};

use crate::compiler::{self, Build, Run, folder, include, program, source, static_library};

/// Runs a program; whatever it or a sanitizer finds is a failure.
fn passes(name: &'static str) {
    isolated(move || {
        let out = Run::of(&mut Command::new(program(name, Build::Sanitized))).success();
        assert_eq!(out, "done\n");
    });
}

/// Runs a program under valgrind, which sees into the library as well: an error, or a block that is lost or may be.
fn valgrind_finds_nothing(name: &'static str) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        skip!("no valgrind (Debian package valgrind)");
    }
    isolated(move || {
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
            .args([
                "--errors-for-leak-kinds=definite,indirect,possible",
                "--show-leak-kinds=definite,indirect,possible",
            ])
            .arg(program(name, Build::Plain));
        assert_eq!(Run::of(&mut valgrind).success(), "done\n");
    });
}

#[test]
fn what_wines_conformance_test_checks() {
    passes("wine");
}

#[test]
fn the_protocol_of_sizes() {
    passes("sizes");
}

#[test]
fn empty_tables_and_growing_ones() {
    passes("growth");
}

#[test]
fn the_module_of_an_owner() {
    passes("modules");
}

#[test]
fn the_extended_statistics_of_connections() {
    passes("estats");
}

#[test]
fn identities_batches_details_and_messages() {
    passes("batch");
}

#[test]
fn eight_threads_at_once() {
    passes("threads");
}

#[test]
fn other_namespaces_and_children() {
    passes("namespaces");
}

#[test]
fn processes_are_looked_at_only_for_their_pids() {
    isolated(|| {
        // Without sanitizers, which read directories of their own.
        let out = Run::of(&mut Command::new(program("unlooked", Build::Plain))).success();
        assert_eq!(out, "done\n");
    });
}

#[test]
fn what_is_scarce_is_a_code_and_the_end_of_a_program_no_failure() {
    isolated(|| {
        let run = Run::of(&mut Command::new(program("scarce", Build::Plain)));
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        assert_eq!(run.out, "at exit: 0, then 317\n");
    });
}

#[test]
fn tables_are_right_under_churn() {
    const SECONDS: u32 = 5;
    isolated(|| {
        let mut churn = Command::new(program("churn", Build::Sanitized));
        let out = Run::of(churn.arg(SECONDS.to_string())).success();
        let made: u32 = out.split(' ').next().unwrap().parse().unwrap();
        if made < SECONDS * 900 {
            skip!("this machine is too busy for 1000 connections a second: {out}");
        }
    });
}

#[test]
fn valgrind_over_wines_checks() {
    valgrind_finds_nothing("wine");
}

#[test]
fn valgrind_over_the_protocol_of_sizes() {
    valgrind_finds_nothing("sizes");
}

#[test]
fn valgrind_over_the_modules() {
    valgrind_finds_nothing("modules");
}

#[test]
fn valgrind_over_identities_and_batches() {
    valgrind_finds_nothing("batch");
}

#[test]
fn valgrind_over_the_extended_statistics() {
    valgrind_finds_nothing("estats");
}

#[test]
fn the_static_library_does_the_same() {
    isolated(|| {
        let target = folder().join("static").join("wine");
        let mut gcc = Command::new("gcc");
        gcc.args(["-std=gnu11", "-pthread"])
            .arg(include())
            .arg(source("wine.c"))
            .arg(static_library())
            .args(["-ldl", "-lm"]);
        compiler::compile(gcc, &target);
        assert_eq!(Run::of(&mut Command::new(target)).success(), "done\n");
    });
}

#[test]
fn a_program_in_cpp() {
    isolated(|| {
        let target = folder().join("plus");
        let mut gpp = Command::new("g++");
        gpp.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .arg(source("plus.cpp"));
        compiler::link(gpp, &target);
        assert_eq!(Run::of(&mut Command::new(target)).success(), "done\n");
    });
}
