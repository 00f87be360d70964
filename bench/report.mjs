import os from 'node:os'

/** What the figures were taken on. */
export const machine = () => ({
  cpu: os.cpus()[0]?.model ?? 'unknown',
  cores: os.availableParallelism(),
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  platform: `${os.platform()} ${os.arch()}`,
  node: process.versions.node,
  loadAverage: os.loadavg()[0],
})

/** @param {'higher' | 'lower'} better */
export function goal(name, value, target, better) {
  return { name, value: Number(value.toPrecision(4)), goal: target, better, met: better === 'higher' ? value >= target : value <= target }
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(header, rows) {
  const cells = [header, ...rows].map((row) => row.map(String))
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ')
  return [line(cells[0]), widths.map((width) => '─'.repeat(width)).join('  '), ...cells.slice(1).map(line)].join('\n')
}

export function goalTable(goals) {
  return table(['goal', 'measured', 'wanted', ''], goals.map(({ name, value, goal: target, better, met }) => [name, value, `${better === 'higher' ? '≥' : '≤'} ${target}`, met ? 'met' : 'MISSED']))
}
