import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { checkOptions, InvalidOptionError, type DeviceProbe } from '@tenon/core'

export type DeviceName = 'cpu' | 'cuda' | 'tensorrt'

/** NVIDIA's CUDA, with its settings. */
export interface CudaDevice {
  readonly device: 'cuda'
  /** Which GPU; 0 unless told. */
  readonly deviceId?: number
  /** Bytes of GPU memory that ONNX Runtime's arena may take. */
  readonly memoryLimit?: number
  /** How the arena grows: doubling (ONNX Runtime's default), or by what is asked for. */
  readonly arena?: 'doubling' | 'as-requested'
  /** Whether float32 products may round to TF32, 10 bits, on Ampere and later: about twice as fast, and 3 digits less. Not unless told, as in PyTorch. */
  readonly tf32?: boolean
}

/** NVIDIA's TensorRT, with its settings. What it cannot run goes to CUDA, and then to the CPU. */
export interface TensorrtDevice {
  readonly device: 'tensorrt'
  /** Which GPU; 0 unless told. */
  readonly deviceId?: number
  /** Whether layers may run in float16. */
  readonly float16?: boolean
  /** Bytes that TensorRT may use while it builds an engine. */
  readonly workspaceSize?: number
  /** A folder that keeps built engines and timings, so that the next start takes seconds and not minutes. */
  readonly cacheFolder?: string
  /** 0 to 5: how long to search for quick kernels. */
  readonly builderOptimizationLevel?: number
}

export type DeviceOption = DeviceName | CudaDevice | TensorrtDevice
export type DeviceSettings = { readonly device: 'cpu' } | CudaDevice | TensorrtDevice

const known: Record<DeviceName, readonly string[]> = {
  cpu: ['device'],
  cuda: ['device', 'deviceId', 'memoryLimit', 'arena', 'tf32'],
  tensorrt: ['device', 'deviceId', 'float16', 'workspaceSize', 'cacheFolder', 'builderOptimizationLevel'],
}

/** @throws InvalidOptionError */
export function checkDevices(devices: readonly DeviceOption[]): readonly DeviceSettings[] {
  if (devices.length === 0) {
    throw new InvalidOptionError({ where: 'onnx()', option: 'devices', problem: 'is empty', remedy: "Leave it out, or pass ['cpu']" })
  }
  return devices.map((option) => {
    const settings = typeof option === 'string' ? ({ device: option } as DeviceSettings) : option
    if (!Object.hasOwn(known, settings.device)) {
      throw new InvalidOptionError({
        where: 'onnx()',
        option: 'devices',
        problem: `names '${String(settings.device)}', which is no device of ONNX Runtime's here`,
        remedy: `Choose among: ${Object.keys(known).join(', ')}`,
      })
    }
    checkOptions(`the device '${settings.device}' of onnx()`, settings, known[settings.device])
    return settings
  })
}

/** The pairs that ONNX Runtime's CUDA provider reads. */
export function cudaOptions({ deviceId, memoryLimit, arena, tf32 = false }: CudaDevice): Record<string, string> {
  return {
    ...(deviceId !== undefined && { device_id: String(deviceId) }),
    ...(memoryLimit !== undefined && { gpu_mem_limit: String(memoryLimit) }),
    ...(arena !== undefined && { arena_extend_strategy: arena === 'doubling' ? 'kNextPowerOfTwo' : 'kSameAsRequested' }),
    use_tf32: tf32 ? '1' : '0',
  }
}

/** The pairs that ONNX Runtime's TensorRT provider reads. */
export function tensorrtOptions({ deviceId, float16, workspaceSize, cacheFolder, builderOptimizationLevel }: TensorrtDevice): Record<string, string> {
  return {
    ...(deviceId !== undefined && { device_id: String(deviceId) }),
    ...(float16 !== undefined && { trt_fp16_enable: float16 ? '1' : '0' }),
    ...(workspaceSize !== undefined && { trt_max_workspace_size: String(workspaceSize) }),
    ...(cacheFolder !== undefined && {
      trt_engine_cache_enable: '1',
      trt_engine_cache_path: cacheFolder,
      trt_timing_cache_enable: '1',
      trt_timing_cache_path: cacheFolder,
    }),
    ...(builderOptimizationLevel !== undefined && { trt_builder_optimization_level: String(builderOptimizationLevel) }),
  }
}

/** Where ONNX Runtime looks for the library that brings a device: beside its own. */
export function providerLibrary(device: DeviceName, libraryPath: string): string {
  const windows = process.platform === 'win32'
  return join(dirname(libraryPath), `${windows ? '' : 'lib'}onnxruntime_providers_${device}.${windows ? 'dll' : 'so'}`)
}

/** Whether the provider library of a device is there, without loading it. */
export function probeDevice(device: DeviceName, libraryPath: string): DeviceProbe {
  if (device === 'cpu') return { device, available: true }
  const path = providerLibrary(device, libraryPath)
  if (existsSync(path)) return { device, available: true }
  const exists = process.platform === 'linux' && process.arch === 'x64'
  return {
    device,
    available: false,
    reason: exists
      ? `${basename(path)} is not beside ${libraryPath}: let onnxruntime-node's install script run (npm rebuild onnxruntime-node), which downloads it, or pass devices: ['cpu']`
      : `onnxruntime-node brings the ${device} provider for Linux x64 only: pass devices: ['cpu'], or the library option with a build that has it`,
  }
}
