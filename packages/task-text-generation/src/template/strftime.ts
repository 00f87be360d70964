const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

const two = (value: number) => String(value).padStart(2, '0')
const MILLISECONDS_A_DAY = 86_400_000

/** Python's strftime in its C locale, for local time; `%-d` as glibc has it. What is unknown stays as it is. */
export function strftime(date: Date, format: string): string {
  const hour12 = date.getHours() % 12 || 12
  const dayOfYear = Math.floor((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 0)) / MILLISECONDS_A_DAY)
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    e: String(date.getDate()).padStart(2),
    B: MONTHS[date.getMonth()]!,
    b: MONTHS[date.getMonth()]!.slice(0, 3),
    h: MONTHS[date.getMonth()]!.slice(0, 3),
    A: DAYS[date.getDay()]!,
    a: DAYS[date.getDay()]!.slice(0, 3),
    H: two(date.getHours()),
    I: two(hour12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    j: String(dayOfYear).padStart(3, '0'),
    w: String(date.getDay()),
    u: String(date.getDay() || 7),
    Z: '',
    z: '',
    n: '\n',
    t: '\t',
    '%': '%',
  }
  const at = (name: string): string | undefined => {
    if (name === 'F') return `${at('Y')}-${at('m')}-${at('d')}`
    if (name === 'T') return `${at('H')}:${at('M')}:${at('S')}`
    if (name === 'R') return `${at('H')}:${at('M')}`
    if (name === 'D') return `${at('m')}/${at('d')}/${at('y')}`
    return parts[name]
  }
  return format.replace(/%(-?)([A-Za-z%])/g, (all, dash: string, name: string) => {
    const text = at(name)
    if (text === undefined) return all
    return dash === '' ? text : text.replace(/^[0 ]+(?=\d)/, '')
  })
}
