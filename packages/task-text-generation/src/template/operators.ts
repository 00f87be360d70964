import type { Budget } from './budget.js'
import { failed } from './fault.js'
import { entryOf, equals, Float, isDict, isList, isNumber, itemsOf, numberOf, numeric, points, present, print, represent, Tuple, typeOf, Undefined, type Value } from './values.js'

/** `item in container`. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === 'string') {
    if (typeof item !== 'string') throw failed(`looks for a value of the type ${typeOf(present(item))} in a text`)
    budget.search(container.length, item.length)
    return container.includes(item)
  }
  if (container !== null && isDict(container)) return entryOf(container, item, budget) !== undefined
  return itemsOf(container, budget).some((each) => equals(each, item, budget))
}

/** `left operator right`, but for comparisons and what is evaluated by halves. */
export function binary(operator: string, left: Value, right: Value, budget: Budget): Value {
  present(left)
  present(right)
  if (isNumber(left) && isNumber(right)) return arithmetic(operator, numberOf(left), numberOf(right), left instanceof Float || right instanceof Float)
  if (operator === '%' && typeof left === 'string') return formatted(left, right instanceof Tuple ? right.items : [right], budget)
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') {
      budget.joined(left.length, right.length)
      return left + right
    }
    if ((isList(left) && isList(right)) || (left instanceof Tuple && right instanceof Tuple)) {
      const [one, other] = [itemsOf(left, budget), itemsOf(right, budget)]
      budget.spend(one.length + other.length)
      return isList(left) ? [...one, ...other] : new Tuple([...one, ...other])
    }
  }
  if (operator === '*') {
    const [of, times] = typeof left === 'number' ? [right, left] : [left, right]
    if (typeof times === 'number') {
      const count = Math.max(0, times)
      if (typeof of === 'string') {
        budget.text(of.length * count)
        return of.repeat(count)
      }
      if (isList(of) || of instanceof Tuple) {
        const items = itemsOf(of, budget)
        budget.spend(items.length * count)
        const repeated = Array.from({ length: items.length * count }, (_, index) => items[index % items.length]!)
        return isList(of) ? repeated : new Tuple(repeated)
      }
    }
  }
  throw failed(`applies ${operator} to values of the types ${typeOf(left)} and ${typeOf(right)}`)
}

function arithmetic(operator: string, left: number, right: number, isFloat: boolean): Value {
  if ((operator === '/' || operator === '//' || operator === '%') && right === 0) throw failed('divides by zero')
  switch (operator) {
    case '+':
      return numeric(left + right, isFloat)
    case '-':
      return numeric(left - right, isFloat)
    case '*':
      return numeric(left * right, isFloat)
    case '/':
      return new Float(left / right)
    case '//':
      return numeric(Math.floor(left / right), isFloat)
    case '%':
      return numeric(left - right * Math.floor(left / right), isFloat)
    default:
      return numeric(left ** right, isFloat || right < 0)
  }
}

/** Python's `'%s' % value`, for the conversions that texts are made with. */
export function formatted(format: string, values: readonly Value[], budget: Budget): string {
  budget.text(format.length)
  let next = 0
  let length = format.length
  const result = format.replace(/%(?:%|([-0]?)(\d*)(?:\.(\d+))?([sdirf]))|%/g, (all, flag: string | undefined, width: string | undefined, digits: string | undefined, conversion: string | undefined) => {
    if (all === '%%') return '%'
    const value = values[next++]
    if (conversion === undefined || value === undefined) throw failed(conversion === undefined ? `formats with '${format.slice(0, 40)}', of which not every % is known` : 'formats fewer values than the text has places for')
    const text = conversion === 's' ? print(value, budget) : conversion === 'r' ? represent(value, budget) : decimal(value, conversion, digits)
    const size = Number(width ?? 0)
    length += Math.max(size, text.length)
    budget.text(length)
    return flag === '-' ? text.padEnd(size) : text.padStart(size, flag === '0' ? '0' : ' ')
  })
  if (next < values.length) throw failed('formats more values than the text has places for')
  return result
}

function decimal(value: Value, conversion: string, digits: string | undefined): string {
  if (!isNumber(value)) throw failed(`formats a value of the type ${typeOf(value)} as a number`)
  return conversion === 'f' ? numberOf(value).toFixed(Math.min(100, Number(digits ?? 6))) : String(Math.trunc(numberOf(value)))
}

/** `of[start:stop:step]`, on texts by code points. */
export function slice(of: Value, [start, stop, step]: readonly (Value | undefined)[], budget: Budget): Value {
  const bound = (value: Value | undefined): number | undefined => {
    if (value === undefined || value === null) return undefined
    if (typeof present(value) === 'number' || typeof value === 'boolean') return Number(value)
    throw failed(`slices with a value of the type ${typeOf(value)}`)
  }
  const by = bound(step) ?? 1
  if (by === 0) throw failed('slices with a step of zero')
  const items = typeof of === 'string' ? points(of, budget) : isList(of) ? of : of instanceof Tuple ? of.items : undefined
  if (items === undefined) throw of instanceof Undefined ? failed(of.what) : failed(`slices a value of the type ${typeOf(of)}`)
  const { length } = items
  const clamp = (value: number | undefined, otherwise: number) => (value === undefined ? otherwise : Math.min(by > 0 ? length : length - 1, Math.max(by > 0 ? 0 : -1, value < 0 ? value + length : value)))
  const [from, to] = by > 0 ? [clamp(bound(start), 0), clamp(bound(stop), length)] : [clamp(bound(start), length - 1), clamp(bound(stop), -1)]
  if (by === 1 && typeof items === 'string') return items.slice(from, Math.max(from, to))
  const taken: Value[] = []
  for (let index = from; by > 0 ? index < to : index > to; index += by) taken.push(items[index]!)
  budget.spend(taken.length)
  return typeof of === 'string' ? taken.join('') : of instanceof Tuple ? new Tuple(taken) : taken
}
