//! The code for phones, once at the start, in the terminal.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use lanlens_app::phone_links;
use lanlens_node::NodeHandle;

/// A code is made in milliseconds, unless the disk is slow. Nobody waits for it longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints it, if there is a page for phones and a network. What is printed stays good for its
/// minutes; who comes later asks for another.
pub(crate) async fn show(node: &NodeHandle, home_flag: &str) -> Result<()> {
    let Some(mut door) = node.phone_door() else { return Ok(()) };
    let made = door.wait_for(|door| !door.links.is_empty() || door.trouble.is_some());
    let Ok(Ok(door)) = tokio::time::timeout(PATIENCE, made).await else { return Ok(()) };
    if let Some(trouble) = &door.trouble {
        eprintln!("no phone can join: {trouble}");
        return Ok(());
    }
    let text = format!(
        "\nUse a phone as a camera:\n\n{}\nGood for one phone, for five minutes; \
         `lanlens phone{home_flag}` shows another.\n\n",
        phone_links(&door.links)?
    );
    let mut stdout = std::io::stdout().lock();
    // A terminal that is gone ends the program by its signal, not here.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Ok(())
}
