//! The facade. Placeholder during the first hour.
