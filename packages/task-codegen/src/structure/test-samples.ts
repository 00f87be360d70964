import type { CodeLanguage } from './language.js'

/** Sources written for the tests, with what makes each language hard to read. */
export const samples: readonly (readonly [CodeLanguage, string])[] = [
  [
    'javascript',
    `// @ts-check
import { readFile } from 'node:fs/promises'
import path from 'node:path'

const pattern = /[/"'({]+(?:\\/)*/g
const half = (a) => a / 2 / 1

export class Queue {
  #items = []
  static of(...items) {
    const queue = new Queue()
    for (const item of items) queue.push(item)
    return queue
  }

  get size() {
    return this.#items.length
  }

  push(item) {
    if (item === undefined) throw new TypeError(\`no item: \${\`\${typeof item}\`}\`)
    this.#items.push(item)
  }

  *[Symbol.iterator]() {
    yield* this.#items
  }
}

export async function load(file, { encoding = 'utf8' } = {}) {
  let text
  try {
    text = await readFile(path.resolve(file), encoding)
  } catch (error) {
    if (error.code === 'ENOENT') {
      return undefined
    } else {
      throw error
    }
  } finally {
    console.log('done')
  }
  const lines = text
    .split('\\n')
    .filter((line) => !line.startsWith('#'))
    .map((line, index) => ({ line, index, long: line.length > 80 ? 'yes' : "no" }))
  do {
    lines.pop()
  } while (lines.length > 10)
  switch (lines.length) {
    case 0:
      return []
    case 1: {
      const [first] = lines
      return [first]
    }
    default:
      return lines.filter(({ line }) => pattern.test(line))
  }
}

export default (name) => <p className="greeting">It's {name ? <b>{name}</b> : 'you'}</p>
`,
  ],
  [
    'tsx',
    `import { useState } from 'react'

interface Props<T> {
  readonly items: readonly T[]
  render?: (item: T) => string
}

const identity = <T,>(value: T): T => value

export function List<T extends { id: number }>({ items, render }: Props<T>) {
  const [open, setOpen] = useState<Record<number, boolean>>({})
  if (items.length === 0) return null
  const toggle = (id: number) => {
    setOpen((before) => ({ ...before, [id]: !before[id] }))
  }

  return (
    <ul title="a list">
      {items.map((item) => (
        <li key={item.id} onClick={() => toggle(item.id)}>
          It's {open[item.id]! ? <b>{render?.(item) ?? 'none'}</b> : <></>} &amp; more
          <br />
        </li>
      ))}
    </ul>
  )
}

export const total = (items: number[]): number => identity(items.reduce((a, b) => a + b, 0))
`,
  ],
  [
    'python',
    `"""A module's text: it isn't (code."""
from __future__ import annotations

import os.path as path
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Point:
    """A point, 'quoted' and "quoted"."""

    x: float = 0.0
    y: float = field(default=0.0)

    def norm(self) -> float:
        # the length (
        return (self.x ** 2 + self.y ** 2) ** 0.5

    @property
    def label(self) -> str:
        return f"({self.x!r}, {self.y:>{4}})" + r"\\d" + b"x".decode()


def read(name, *, strict=False, **options):
    total = 0
    try:
        with open(path.join("data", name)) as file:
            for number, line in enumerate(file):
                if not line.strip():
                    continue
                elif line.startswith("#"):
                    break
                else:
                    total += len(line[1:-1])
    except (OSError, ValueError) as error:
        if strict:
            raise RuntimeError("no file") from error
        return None
    finally:
        print("done", end="")
    names = [
        part.lower()
        for part in name.split(".")
        if part
    ]
    table = {
        "a": [1, 2, {3: (4, 5)}],
        "b": lambda x: x[::2],
    }
    return total, names, table


async def main():
    text = '''three
    lines "
    '''
    assert text and \\
        len(text) > 3
    while True:
        await read("x")


if __name__ == "__main__":
    main()
`,
  ],
  [
    'java',
    `package a.b;

import java.util.*;
import java.util.function.Function;

/** It's a class { with text. */
public final class Shapes<T extends Comparable<T>> implements Iterable<T> {
  private static final char QUOTE = '"';
  private final List<T> items = new ArrayList<>();

  public Shapes(Collection<? extends T> items) {
    this.items.addAll(items);
  }

  @Override
  public Iterator<T> iterator() {
    return items.iterator();
  }

  public Optional<T> greatest(Function<T, Integer> score) throws IllegalStateException {
    T best = null;
    for (T item : items) {
      if (best == null || score.apply(item) > score.apply(best)) {
        best = item;
      } else if (QUOTE == '\\'') {
        continue;
      }
    }
    for (int i = 0; i < 3; i++) {
      System.out.println("i = " + i + ';');
    }
    try (var scanner = new Scanner(System.in)) {
      scanner.nextLine();
    } catch (RuntimeException error) {
      throw new IllegalStateException(error);
    } finally {
      items.forEach(item -> {
        System.out.println(item);
      });
    }
    String text = """
        It's "quoted" { text
        """;
    return Optional.ofNullable(best);
  }

  enum Kind {
    ROUND,
    FLAT
  }

  record Point(int x, int y) {
    Point {
      if (x < 0) throw new IllegalArgumentException();
    }
  }
}
`,
  ],
  [
    'go',
    `package shapes

import (
	"errors"
	"fmt"
)

// It's a comment {
const (
	A = iota
	B
)

type Shape interface {
	Area() float64
	Name() string
}

type Square struct {
	Side float64 \`json:"side"\`
	tags map[string][]int
}

var errNone = errors.New("no shape: {")

func (s *Square) Area() float64 {
	return s.Side * s.Side
}

func Largest(shapes ...Shape) (best Shape, err error) {
	if len(shapes) == 0 {
		return nil, errNone
	}
	for i, shape := range shapes {
		if area := shape.Area(); best == nil || area > best.Area() {
			best = shape
		} else if i > 10 {
			break
		}
	}
	for i := 0; i < 3; i++ {
		fmt.Println(i, 'x', '\\'', \`raw " {\`)
	}
	switch v := best.(type) {
	case *Square:
		v.tags = map[string][]int{
			"a": {1, 2},
		}
	default:
		go func() {
			defer fmt.Println("done")
		}()
	}
	names := []string{}
	names = append(names, fmt.Sprintf("%d",
		len(shapes)))
	return best, nil
}
`,
  ],
  [
    'rust',
    `//! It's a crate {
use std::{collections::HashMap, fmt};

/* outer /* inner } */ still */
#[derive(Debug, Clone)]
pub enum Shape<'a> {
    Circle { radius: f64 },
    Named(&'a str, Vec<u8>),
    Empty,
}

pub struct Shapes<'a, T: fmt::Debug = u8> {
    items: Vec<Shape<'a>>,
    by_name: HashMap<String, T>,
}

impl<'a, T: fmt::Debug> Shapes<'a, T> {
    pub fn area(&self) -> f64 {
        let mut total = 0.0;
        for shape in &self.items {
            total += match shape {
                Shape::Circle { radius } => radius * radius * 3.14,
                Shape::Named(name, _) if name.len() > 3 => {
                    1.0
                }
                _ => 0.0,
            };
        }
        let quotes = ['\\'', '"', '{', b'}' as char];
        let text = r#"raw " { text"#;
        let count = self
            .by_name
            .iter()
            .filter(|(key, _)| key.starts_with(text))
            .map(|(_, value)| format!("{value:?}"))
            .count();
        if count > quotes.len() {
            return total;
        } else if let Some(shape) = self.items.first() {
            println!("{:?}", shape);
        }
        while total < 1.0 {
            total += [0.5; 2].iter().sum::<f64>();
        }
        total
    }
}

macro_rules! square {
    ($x:expr) => {
        $x * $x
    };
}

fn main() {
    let x = square!(2);
    std::process::exit(if x > 3 { 1 } else { 0 });
}
`,
  ],
  [
    'c',
    `#include <stdio.h>
#include "shapes.h"

#define SQUARE(x) \\
  ((x) * (x))

/* It's a comment { */
typedef struct shape {
  const char *name;
  union {
    int side;
    double radius;
  } size;
} shape_t;

enum kind { ROUND, FLAT = 3 };

static const int table[] = {
  1,
  2,
};

#ifdef DEBUG
static int level = 1;
#else
static int level = 0;
#endif

int largest(const shape_t *shapes, size_t count)
{
  int best = -1;
  for (size_t i = 0; i < count; i++) {
    if (shapes[i].name[0] == '"' || shapes[i].name[0] == '\\'')
      continue;
    else if (best < 0)
      best = (int)i;
  }
  do {
    best--;
  } while (best > 10);
  switch (best) {
  case 0:
    printf("none { %d\\n", level);
    break;
  default: {
    int square = SQUARE(best);
    return square;
  }
  }
  return best;
}

int main(void) {
  shape_t shape = { .name = "a", .size = { .side = 1 } };
  return largest(&shape, sizeof table / sizeof table[0]);
}
`,
  ],
  [
    'cpp',
    `#include <algorithm>
#include <string>
#include <vector>

namespace shapes {

// It's a comment {
template <typename T>
class Queue {
 public:
  Queue() : size_(0) {}
  explicit Queue(std::vector<T> items) : items_(std::move(items)), size_(items_.size()) {}

  void push(const T &item) {
    items_.push_back(item);
    ++size_;
  }

  template <class F>
  auto sorted(F less) const -> std::vector<T> {
    auto copy = items_;
    std::sort(copy.begin(), copy.end(), [&](const T &a, const T &b) {
      return less(a, b);
    });
    return copy;
  }

 private:
  std::vector<T> items_;
  std::size_t size_;
};

struct Point {
  int x = 1'000'000;
  int y{2};
};

std::string text() {
  auto raw = R"x(raw " ) { text)x";
  for (const auto &point : {Point{}, Point{1, 2}}) {
    if (point.x > 3) {
      return "x";
    } else {
      raw = "y";
    }
  }
  try {
    throw 'c';
  } catch (char c) {
    return std::string(1, c);
  }
  return raw;
}

}  // namespace shapes
`,
  ],
]
