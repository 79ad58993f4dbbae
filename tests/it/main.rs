//! The program as a whole: its commands, its laws, its documents and the shape of its code.

mod cases;
mod charges;
mod corpus;
mod docs;
mod forms;
mod laws;
mod pipes;
mod run;
mod tidy;
