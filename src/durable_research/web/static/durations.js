// A length of time in words, by the rule of the server's domain/durations.py: what is left over is dropped, never rounded up.
export function duration(seconds) {
  const tenths = Math.floor(Math.max(seconds, 0) * 10);
  const whole = Math.floor(tenths / 10);
  const minutes = Math.floor(whole / 60);
  const twoDigits = (number) => String(number).padStart(2, "0");
  if (minutes < 1) return `${whole}.${tenths % 10} s`;
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}
