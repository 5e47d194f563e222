//! The exports file and what the server exports.

use phoenix_host::command::Effect;
use phoenix_tools::nfs::{self, Exports};
use proptest::prelude::*;

use crate::argv;

#[test]
fn command_lines_are_those_that_the_tools_take() {
    for (command, typed, effect) in [
        (nfs::list(), "exportfs -s", Effect::Read),
        (nfs::reload(), "exportfs -ra", Effect::Write),
        (
            nfs::files(),
            "find /etc/exports.d -maxdepth 1 -name '*.exports' -printf '%p\\n'",
            Effect::Read,
        ),
    ] {
        assert_eq!((command.argv(), command.effect), (argv(typed), effect));
    }
}

/// What phoenix reads from the file is what the server made of the same file.
#[test]
fn a_file_with_everything_odd_is_read_as_the_server_read_it() {
    let file = nfs::parse_exports(include_str!("../fixtures/odd.exports")).unwrap();
    let active = nfs::parse_list(include_str!("../fixtures/exportfs-s.txt")).unwrap();
    assert_eq!(Vec::from_iter(file.keys()), Vec::from_iter(active.keys()));
    assert_eq!(
        Vec::from_iter(file.keys()),
        ["/hx/a", "/hx/b c\"#\\", "/srv"]
    );
    for (path, clients) in &file {
        let mut names: Vec<_> = clients
            .iter()
            .map(|client| nfs::split_client(client).unwrap().0)
            .collect();
        names.sort_unstable();
        assert_eq!(names, Vec::from_iter(active[path].keys()), "{path}");
    }
    let odd = &file["/hx/b c\"#\\"];
    assert_eq!(odd[3], "10.9.9.9(ro,no_subtree_check)");
    assert_eq!(odd[4], "10.9.9.8(ro,no_subtree_check,rw)");
    let read_write = &active["/hx/b c\"#\\"]["10.9.9.8"];
    assert!(read_write.contains("rw") && !read_write.contains("ro"));
    assert!(active["/hx/b c\"#\\"]["*.example.com"].contains("sec=sys:krb5"));
}

#[test]
fn what_is_no_export_is_an_error_that_names_the_line() {
    for bad in ["relative 10.0.0.1(rw)", "\"/open 10.0.0.1(rw)"] {
        assert_eq!(nfs::parse_exports(bad).unwrap_err().line, bad);
    }
    for bad in ["/a", "/a  10.0.0.1", "/a  10.0.0.1(rw"] {
        assert_eq!(nfs::parse_list(bad).unwrap_err().line, bad);
    }
    assert_eq!(
        nfs::parse_exports("# only words\n\n").unwrap(),
        Exports::new()
    );
    assert!(nfs::parse_list("").unwrap().is_empty());
}

#[test]
fn lines_have_numbers_and_no_client_is_everybody() {
    let text = "# words\n/a 10.0.0.1(rw) \\\n  fd00::1(ro)\n\n/b\n/c -ro,sync\n";
    let lines = nfs::parse_export_lines(text).unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| format!("{} {} {}", line.number, line.path, line.clients.join(" ")))
        .collect();
    assert_eq!(
        lines,
        [
            "2 /a 10.0.0.1(rw) fd00::1(ro)",
            "5 /b *()",
            "6 /c *(ro,sync)"
        ]
    );
}

#[test]
fn the_file_is_one_line_a_path() {
    let exports = Exports::from([
        (
            "/b c#".to_owned(),
            vec![
                "10.0.0.0/24(rw,sync)".to_owned(),
                "fd00::/64(ro)".to_owned(),
            ],
        ),
        ("/a".to_owned(), vec!["*(ro)".to_owned()]),
        ("/nobody".to_owned(), vec![]),
    ]);
    insta::assert_snapshot!(nfs::format_exports(&exports));
}

proptest! {
    /// Whatever a path holds, the server reads the path that was meant.
    #[test]
    fn written_exports_read_back_the_same(
        paths in prop::collection::btree_map("/[^\n\0]{0,20}", "[a-z0-9.:/*@-]{1,12}", 0..4)
    ) {
        let exports: Exports = paths
            .into_iter()
            .map(|(path, client)| (path, vec![format!("a{client}(rw,no_subtree_check)")]))
            .collect();
        prop_assert_eq!(nfs::parse_exports(&nfs::format_exports(&exports)).unwrap(), exports);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~\n\t]{0,80}") {
        let _ = nfs::parse_exports(&text);
        let _ = nfs::parse_list(&text);
    }
}
