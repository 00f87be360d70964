export { documentOf, lastingStoreCases, storeCases, testEmbedder, type StoreCase } from './store-cases.js'
