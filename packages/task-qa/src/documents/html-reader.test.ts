import { describe, expect, it } from 'vitest'
import { blocksOf } from '../testing/read.js'
import { html } from './html-reader.js'

const texts = async (text: string) => (await blocksOf(html, text)).map((block) => block.text)

describe('the HTML reader', () => {
  it('shows text as a browser does, and delimits its markup', async () => {
    expect(await blocksOf(html, '<p>Oil   the <b>table</b>\n twice &amp; dry&nbsp;it.</p>')).toEqual([
      { headings: [], text: 'Oil the table twice & dry\u00a0it.', original: 'Oil   the <b>table</b>\n twice &amp; dry&nbsp;it.' },
    ])
  })

  it('gives each block the headings above it', async () => {
    const blocks = await blocksOf(html, '<h1>A &amp; B</h1><p>one<h2>C</h2><div>two</div><h1>D</h1>three')
    expect(blocks.map(({ headings, text }) => [headings, text])).toEqual([
      [['A & B'], 'one'],
      [['A & B', 'C'], 'two'],
      [['D'], 'three'],
    ])
  })

  it('leaves out scripts, styles, menus and what is hidden, however deep', async () => {
    expect(await texts('<title>t</title><style>p{}</style><nav>menu</nav><script>"<p>no</p>"</script>a<div hidden>b<div>c</div>d</div>e<svg><text>f</text></svg>')).toEqual(['a', 'e'])
  })

  it('reads tables row by row, with the heading row above', async () => {
    const blocks = await blocksOf(html, '<table><tr><th>Wood<th>Years</tr><tr><td>Oak</td><td><p>1</p></td></tr><tr><th>Pine</th><td>½</td></tr></table>after')
    expect(blocks.map(({ headings, text }) => [headings, text])).toEqual([
      [['Wood | Years'], 'Oak | 1'],
      [['Wood | Years'], 'Pine | ½'],
      [[], 'after'],
    ])
  })

  it('takes terms of a description list as headings', async () => {
    expect(await blocksOf(html, '<dl><dt>Tenon<dd>a tongue<dt>Mortise<dd>a hole</dl>end')).toEqual([
      { headings: ['Tenon'], text: 'a tongue', original: 'a tongue' },
      { headings: ['Mortise'], text: 'a hole', original: 'a hole' },
      { headings: [], text: 'end', original: 'end' },
    ])
  })

  it('keeps the lines of preformatted text, and parts at double line breaks only', async () => {
    expect(await texts('<pre>a\n  b</pre>one<br>two<br><br>three')).toEqual(['a\n  b', 'one two', 'three'])
  })

  it('has a place for character references of two code points', async () => {
    expect(await blocksOf(html, 'x &NotEqualTilde; y')).toEqual([{ headings: [], text: 'x \u2242\u0338 y', original: 'x &NotEqualTilde; y' }])
  })
})
