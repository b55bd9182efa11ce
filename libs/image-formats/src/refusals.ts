import type { ImageKind } from './sniff.js';

const REFUSED: Partial<Record<ImageKind, string>> = {
  heic: 'HEVC is not decoded here: convert it',
  raw: "a camera's raw file is not developed here: export it as JPEG, PNG or TIFF",
  psd: 'Photoshop documents are not read here: export it as PNG or TIFF',
  jxl: 'JPEG XL is not decoded here: convert it',
  jp2: 'JPEG 2000 is not decoded here: convert it',
  jxr: 'JPEG XR is not decoded here: convert it',
  ico: 'icons are not read here: convert it to PNG',
  exr: 'OpenEXR has no fixed brightness: tone-map it to 8 or 16 bits and convert it',
  hdr: 'Radiance HDR has no fixed brightness: tone-map it to 8 or 16 bits and convert it',
  pfm: 'PFM holds floating point values without a fixed brightness: tone-map it and convert it',
  dds: 'DirectDraw textures are not read here: convert it to PNG',
  qoi: 'QOI is not decoded here: convert it to PNG',
  xcf: 'GIMP documents are not read here: export it as PNG or TIFF',
  dicom: 'DICOM needs a window of brightness to become a picture: convert it',
  djvu: 'DjVu is not decoded here: convert it',
  flif: 'FLIF is not decoded here: convert it',
};

/** Why a kind of image is not decoded, and what to do; null for those that are. */
export function refusalOf(kind: ImageKind): string | null {
  return REFUSED[kind] ?? null;
}
