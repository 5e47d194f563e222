//! Tests of the simulated host through its public seam.
