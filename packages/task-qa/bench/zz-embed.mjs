import { readFileSync, writeFileSync } from 'node:fs'
import create from './embedder.mjs'
const d='/work/shared/data/';const lines=(f)=>readFileSync(d+f,'utf8').split('\n')
const t=new Set()
for(const f of ['sst2.train.tsv','sst2.dev.tsv','sst5.train.tsv','trec.train.tsv'])for(const l of lines(f)){const x=l.split('\t').sort((a,b)=>b.length-a.length)[0];if(x&&x.length>10)t.add(x)}
for(const f of ['subjqa.train.jsonl'])for(const l of lines(f)){if(!l)continue;const o=JSON.parse(l);const s=o.context??o.review??Object.values(o).filter(v=>typeof v==='string').sort((a,b)=>b.length-a.length)[0];for(const x of s.split(/(?<=[.!?])\s+/))if(x.length>30&&x.length<300)t.add(x)}
const all=[...t];let s=7;const r=()=>{s=(s*1103515245+12345)&0x7fffffff;return s/0x7fffffff};for(let i=all.length-1;i>0;i--){const j=Math.floor(r()*(i+1));[all[i],all[j]]=[all[j],all[i]]}
const texts=all.slice(0,30100);console.log(all.length,texts.length)
const e=await create();const out=new Float32Array(texts.length*384)
const t0=Date.now()
for(let i=0;i<texts.length;i+=500){const v=await e(texts.slice(i,i+500));v.forEach((x,j)=>{const n=1/Math.hypot(...x);for(let k=0;k<384;k++)out[(i+j)*384+k]=x[k]*n});if(i%5000===0)console.log(i,(Date.now()-t0)/1000)}
writeFileSync('/work/ref/exp/stores/real.f32',new Uint8Array(out.buffer));await e.dispose();process.exit(0)
