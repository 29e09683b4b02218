//! Ctrl-C while servers start: the demo ends at once.

use std::path::Path;

use testkit::Alone;

#[test]
fn an_interrupt_while_servers_start_ends_the_demo() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupted-demo");
    let demo = Alone::new(folder, Path::new(env!("CARGO_BIN_EXE_demo")));
    assert_eq!(demo.interrupted(&[]), Some(130));
}
