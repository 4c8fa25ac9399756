// What a page does in a browser: draw the figures, follow the reader's colour scheme, and step through the raster.
// All texts are set as text or read as JSON; nothing is evaluated, and the page's policy allows no other script.
"use strict";
(() => {
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const number = new Intl.NumberFormat("en-US");
  const light = [200, 172, 144, 116, 90, 66, 44, 26], night = [48, 64, 80, 96, 160, 184, 208, 236];

  const colours = () => {
    const shades = (dark.matches ? night : light).map((n) => `rgb(${n}, ${n}, ${n})`);
    return { shades, ...Object.fromEntries(["ink", "soft", "faint", "fill", "link", "paper"].map((name) => [name, style(name)])) };
  };

  // A model's tags say `property=role`.
  const paint = () => {
    const roles = colours();
    for (const held of Bokeh.documents) {
      for (const model of held.all_models) {
        for (const tag of model.tags ?? []) {
          const [property, role] = String(tag).split("=");
          if (role in roles) model[property] = roles[role];
        }
      }
    }
  };

  // Numbers in squares need room.
  const fit = () => {
    for (const held of Bokeh.documents) {
      for (const model of held.all_models) {
        if ((model.tags ?? []).includes("numbers")) model.visible = document.body.clientWidth > 900;
      }
    }
  };

  const named = (name) => {
    for (const held of Bokeh.documents) {
      const model = held.get_model_by_name(name);
      if (model) return model;
    }
    return null;
  };

  const bits = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  // One frame of a band, or with `frame` null all of them, added up.
  const fill = (band, data, frame, columns, frames) => {
    const cells = band.rows * columns;
    for (let cell = 0; cell < cells; cell++) {
      let count = 0;
      for (let f = frame ?? 0; f < (frame === null ? frames : frame + 1); f++) {
        const at = f * cells + cell;
        count += (band.bytes[at >> 3] >> (7 - (at & 7))) & 1;
      }
      data[cell] = frame === null ? count : count * frames;
    }
  };

  const stepper = (raster) => {
    const slider = document.getElementById("step"), said = document.getElementById("said"), play = document.getElementById("play");
    const pictures = named("raster"), labels = named("raster-labels"), cursor = named("raster-cursor");
    const columns = raster.columns.length;
    for (const band of raster.bands) band.bytes = bits(band.bits);

    const at = (step) => {
      let sum = 0, heard = 0;
      raster.bands.forEach((band, n) => {
        const frame = step === 0 ? null : step - 1 - band.latency;
        const there = frame === null || (frame >= 0 && frame < raster.frames);
        if (there) fill(band, pictures.data.image[n], frame, columns, raster.frames);
        else pictures.data.image[n].fill(0);
        const spikes = frame === null ? band.totals.reduce((a, b) => a + b, 0) : there ? band.totals[frame] : 0;
        sum += spikes;
        heard += spikes > 0 ? 1 : 0;
        labels.data.text[n] = band.title + (there ? `${number.format(spikes)} spikes of ${band.neurons}` : frame < 0 ? "not yet" : "over");
      });
      pictures.change.emit();
      labels.change.emit();
      return `${number.format(sum)} spikes in ${heard} of ${raster.bands.length} populations`;
    };

    const column = (step) => {
      cursor.location = step === 0 ? -1 : step - 0.5;
      if (step === 0) return `${number.format(raster.bands.reduce((sum, band) => sum + band.totals[0], 0))} spikes`;
      let sum = 0;
      for (const band of raster.bands) {
        for (let row = 0; row < band.rows; row++) {
          const cell = row * columns + step - 1;
          sum += (band.bytes[cell >> 3] >> (7 - (cell & 7))) & 1;
        }
      }
      return `${number.format(sum)} spikes of the neurons that are shown`;
    };

    const show = () => {
      const step = Number(slider.value);
      const found = raster.frames === 1 ? column(step) : at(step);
      said.textContent = step === 0 ? `All steps: ${found}` : `Step ${step} of ${raster.stops}: ${found}`;
      slider.setAttribute("aria-valuetext", said.textContent);
    };

    let running = 0;
    const stop = () => {
      clearInterval(running);
      running = 0;
      play.textContent = "Play";
    };
    play.addEventListener("click", () => {
      if (running) return stop();
      play.textContent = "Stop";
      running = setInterval(() => {
        slider.value = Number(slider.value) >= raster.stops ? 0 : Number(slider.value) + 1;
        show();
      }, raster.frames === 1 ? 150 : 600);
    });
    slider.addEventListener("input", () => { stop(); show(); });
    show();
  };

  const begin = async () => {
    const places = [...document.querySelectorAll("[data-figure]")];
    for (const place of places) await Bokeh.embed.embed_item(json(place.dataset.figure), place.id);
    paint();
    fit();
    addEventListener("resize", fit);
    dark.addEventListener("change", paint);
    if (document.getElementById("frames")) stepper(json("frames"));
    document.documentElement.dataset.drawn = String(places.length);
  };
  begin();
})();
