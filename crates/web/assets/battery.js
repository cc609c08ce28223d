/**
 * The phone's battery, where the browser tells it (Chrome does, Safari does not).
 */

/** @typedef {{level: number | null, charging: boolean | null}} Battery */

/** What is known where nothing is. @type {Battery} */
export const UNKNOWN = { level: null, charging: null };

/**
 * Calls back with the battery's state now and whenever it changes by a percent.
 * @param {(battery: Battery) => void} onChange
 */
export async function watchBattery(onChange) {
  const ask = /** @type {any} */ (navigator).getBattery;
  if (typeof ask !== "function") return;
  try {
    const battery = await ask.call(navigator);
    let told = "";
    const tell = () => {
      const level = Number.isFinite(battery.level) ? Math.round(battery.level * 100) / 100 : null;
      const charging = typeof battery.charging === "boolean" ? battery.charging : null;
      const now = `${level} ${charging}`;
      if (now === told) return;
      told = now;
      onChange({ level, charging });
    };
    battery.addEventListener("levelchange", tell);
    battery.addEventListener("chargingchange", tell);
    tell();
  } catch {
    // Refused: nothing is shown.
  }
}
