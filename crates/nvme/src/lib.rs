//! Judges the health of NVMe drives. Placeholder during the first hour.
