//! The exports file and what the server exports.

use phoenix_host::command::Effect;
use phoenix_tools::drop_ins;
use phoenix_tools::nfs::{self, Exports};
use proptest::prelude::*;

use crate::argv;

#[test]
fn command_lines_are_those_that_the_tools_take() {
    for (command, typed, effect) in [
        (nfs::list(), "exportfs -s", Effect::Read),
        (nfs::reload(), "exportfs -ra", Effect::Write),
        (
            drop_ins::files(nfs::EXPORTS_DIR, nfs::EXPORTS_ENDING),
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
    for bad in [
        "relative 10.0.0.1(rw)",
        "/a 10.0.0.1(rw",
        "/a 10.0.0.1(rw)x",
        "/a 10.0.0.1(rw,noatime)",
    ] {
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
    let lines = nfs::parse_export_lines(text).lines;
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

/// A file, and what exportfs 2.6.2 exported of it beside what is told; `/g 10.0.0.3(ro)` is its last
/// line.
#[test]
fn a_broken_line_costs_what_it_costs_with_the_real_tool() {
    const REST: &str = ", and exportfs leaves out the rest of the file";
    let no_option = |word: &str| format!("1: `{word}` is no export option{REST}");
    let no_client = |number, word: &str| {
        format!("{number}: `{word}` is no client with options in parentheses{REST}")
    };
    for (text, exported, told) in [
        (
            "a 10.0.0.1(rw)",
            "/g 10.0.0.3",
            "1: its path is not absolute".to_owned(),
        ),
        (
            "/a 10.0.0.1 (rw)",
            "/a 10.0.0.1 , /g 10.0.0.3",
            String::new(),
        ),
        ("/a 10.0.0.1(rw,noatime)", "", no_option("noatime")),
        ("/a 10.0.0.1(ro,,sync)", "", no_option("")),
        ("/a 10.0.0.1(RO)", "", no_option("RO")),
        ("/a 10.0.0.1(sec=foo)", "", no_option("sec=foo")),
        ("/a 10.0.0.1(fsid=zz)", "", no_option("fsid=zz")),
        ("/a 10.0.0.1(anonuid=x)", "", no_option("anonuid=x")),
        ("/a -ro,bogus 10.0.0.2(rw)", "", no_option("bogus")),
        (
            "/a 10.0.0.1(rw) 10.0.0.2(bogus) 10.0.0.4(rw)",
            "/a 10.0.0.1",
            no_option("bogus"),
        ),
        (
            "/a 10.0.0.1(rw) \\\n 10.0.0.2(rw)x",
            "/a 10.0.0.1",
            no_client(2, "10.0.0.2(rw)x"),
        ),
        ("/a 10.0.0.1(rw", "", no_client(1, "10.0.0.1(rw")),
        ("/a 10.0.0.1(rw)#c", "", no_client(1, "10.0.0.1(rw)#c")),
        ("/a 10.0.0.1( ro )", "", no_client(1, "10.0.0.1(")),
        (
            "/a 10.0.0.1(sec=krb5p,rw,sec=sys,ro)",
            "/a 10.0.0.1, /g 10.0.0.3",
            String::new(),
        ),
        (
            "/a 10.0.0.1(ro,)  # c\r\n\r\n# /x *(rw)\r",
            "/a 10.0.0.1, /g 10.0.0.3",
            String::new(),
        ),
        (
            "/a @grp(ro) host[1-3](ro) *.x.org",
            "/a @grp host[1-3] *.x.org, /g 10.0.0.3",
            String::new(),
        ),
        (
            "\"/a\" \"10.0.0.1\"(ro)",
            "/a 10.0.0.1, /g 10.0.0.3",
            String::new(),
        ),
        (
            "\"/a 10.0.0.1(rw)",
            "",
            "1: a quote in it has no end".to_owned(),
        ),
    ] {
        let found = nfs::parse_export_lines(&format!("{text}\n/g 10.0.0.3(ro)\n"));
        let lines = found.lines.iter().map(|line| {
            let clients = line.clients.iter();
            let clients: Vec<_> = clients.map(|it| nfs::split_client(it).unwrap().0).collect();
            format!("{} {}", line.path, clients.join(" "))
        });
        assert_eq!(lines.collect::<Vec<_>>().join(", "), exported, "{text}");
        let unread = found.unread.iter();
        let unread = unread.map(|line| format!("{}: {}", line.number, line.reason));
        assert_eq!(unread.collect::<Vec<_>>().join("; "), told, "{text}");
    }
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
