//! End-to-end tests on real OpenZFS.
