'use strict'

const { join } = require('node:path')

exports.directory = join(__dirname, 'model')
