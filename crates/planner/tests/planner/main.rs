//! The planner through its public seams: a file and a host go in, a plan comes out.

#[cfg(test)]
mod check;
#[cfg(test)]
mod dataset;
#[cfg(test)]
mod files;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod health;
#[cfg(test)]
mod ideal;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod new_pool;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod render;
#[cfg(test)]
mod room;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod share;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod storage_nodes;
