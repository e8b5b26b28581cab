//! The `faultless` command as its users see it: what it prints, refuses, starts and leaves alone.
//!
//! What must hold here: no test needs libfaultless.so but those which say so; what a test cannot have (a static C
//! library, another user) it skips with one line.

mod attach;
mod compare;
mod deploying;
mod doctor;
mod environment;
mod fixtures;
mod golden;
mod manuals;
mod metrics;
mod outside;
mod pages;
mod policies;
mod refusals;
mod reports;
mod status;
mod top;
mod tune;
mod verdicts;
mod waiting;
mod warm;
mod where_;
