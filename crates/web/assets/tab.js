/**
 * One camera, one tab: two tabs of one phone would take the camera and the session from each other.
 * The newest has it.
 */

const NAME = "lanlens.camera";

/**
 * Takes the phone for this tab.
 * @param {() => void} onTaken another tab has it now
 * @returns {() => void} gives it back
 */
export function claimTab(onTaken) {
  let given = false;
  let give = () => {};
  if ("locks" in navigator) {
    const held = new Promise((resolve) => { give = () => resolve(undefined); });
    navigator.locks
      .request(NAME, { steal: true }, () => held)
      .catch(() => { if (!given) onTaken(); });
  }
  return () => {
    given = true;
    give();
  };
}
